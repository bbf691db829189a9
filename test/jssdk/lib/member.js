// One user of one room, held by the messaging SDK in some environment.

import assert from 'node:assert/strict';
import { Signal } from './signal.js';

let lastKey = 0;

export class Member {
  // issue() returns what a token provider returns: token and, perhaps, expiration times.
  constructor(environment, { userId, url, issue }) {
    this.key = `${++lastKey}-${userId}`;
    this.userId = userId;
    this.events = [];
    this.tokens = 0;
    this.environment = environment;
    this.url = url;
    this.issue = issue;
    this.changed = new Signal();
  }

  async open() {
    await this.environment.open(this, this.url);
  }

  async connect() {
    await this.environment.connect(this.key);
  }

  async nextToken() {
    this.tokens++;
    this.changed.fire();
    return this.issue();
  }

  // Events may reach us out of order from a page; seq restores the order of emission.
  record(event) {
    this.events.push(event);
    this.events.sort((a, b) => a.seq - b.seq);
    this.changed.fire();
  }

  of(type) {
    return this.events.filter((event) => event.type === type).map((event) => event.data);
  }

  get messages() {
    return this.of('message');
  }

  get contents() {
    return this.messages.map((message) => message.content);
  }

  // The states the room went through, disconnects with their reason.
  get states() {
    return this.events
      .filter((event) => ['connecting', 'connect', 'disconnect'].includes(event.type))
      .map((event) => (event.type === 'disconnect' ? `disconnect(${event.data})` : event.type));
  }

  get state() {
    return this.states.at(-1);
  }

  until(check, what, milliseconds) {
    return this.changed.until(() => check(this), () => `${this.userId}: ${what}; saw ${this.describe()}`, milliseconds);
  }

  untilState(state, milliseconds) {
    return this.until(() => this.state === state, `state ${state}`, milliseconds);
  }

  untilStates(states, milliseconds) {
    const wanted = states.join();
    return this.until(() => this.states.join() === wanted, `states ${wanted}`, milliseconds);
  }

  describe() {
    return `${this.tokens} tokens, ${JSON.stringify(this.events.slice(-12))}`;
  }

  // A request without an answer leaves the SDK's promise open for ever.
  async act(actions) {
    let answers;
    let failure;
    this.environment.act(this.key, actions)
      .then((results) => { answers = results; }, (error) => { failure = error; })
      .finally(() => this.changed.fire());
    await this.until(() => {
      if (failure) {
        throw failure;
      }
      return answers;
    }, `an answer to each of ${actions.map(({ kind }) => kind)}`);
    return answers;
  }

  async #one(action) {
    const [result] = await this.act([action]);
    return result;
  }

  send(content, attributes) {
    return this.#one({ kind: 'send', content, attributes });
  }

  deleteMessage(id, reason) {
    return this.#one({ kind: 'delete', id, reason });
  }

  disconnectUser(userId, reason) {
    return this.#one({ kind: 'disconnect', userId, reason });
  }

  leave() {
    return this.environment.disconnect(this.key);
  }

  // The SDK logs and drops frames that it cannot read; nothing else tells of them.
  assertUnderstoodEverything() {
    const dropped = this.of('complaint').filter((text) => /deserialize|parse|unknown entity|expected request of type/.test(text));
    assert.deepEqual(dropped, [], `${this.userId}: frames that the SDK could not read`);
  }
}
