// What a scenario acts on: a server, an environment, and the rooms and members it makes.

import assert from 'node:assert/strict';
import { controlPlane } from './control.js';
import { Member } from './member.js';

export class Stage {
  #members = [];

  constructor(environment, server) {
    this.environment = environment;
    this.server = server;
    this.control = controlPlane(server.endpoint);
  }

  // The highest rates, so that only scenarios about rates meet them.
  async room(parameters) {
    const { arn } = await this.control.createRoom({ maximumMessageRatePerSecond: 100, ...parameters });
    return arn;
  }

  // A token provider as backends write it: the answer as it survives JSON. Without
  // tokenExpirationTime the SDK never refreshes of its own accord.
  provider(room, { control = this.control, refresh = false, ...parameters }) {
    return async () => {
      const answer = await control.createChatToken({ roomIdentifier: room, ...parameters });
      const { token, sessionExpirationTime, tokenExpirationTime } = JSON.parse(JSON.stringify(answer));
      return refresh ? { token, sessionExpirationTime, tokenExpirationTime } : { token, sessionExpirationTime };
    };
  }

  // enter opens a member's room without waiting for its connection.
  async enter(room, { userId, url = this.server.socketUrl, issue, ...parameters }) {
    const provider = issue ?? this.provider(room, { userId, ...parameters });
    const member = new Member(this.environment, { userId, url, issue: provider });
    this.#members.push(member);
    await member.open();
    await member.connect();
    return member;
  }

  async join(room, options) {
    const member = await this.enter(room, { capabilities: ['SEND_MESSAGE'], ...options });
    await member.untilState('connect');
    return member;
  }

  // fence returns when all that was published in the room before has reached the members.
  async fence(room, ...members) {
    const { id } = await this.control.sendEvent({ roomIdentifier: room, eventName: 'app:fence' });
    await Promise.all(members.map((member) => member.until(
      () => member.of('event').some((event) => event.id === id),
      `fence ${id}`,
    )));
  }

  async #close() {
    await Promise.all(this.#members.map((member) => member.leave()));
    this.control.destroy();
  }

  // run plays one scenario and clears the stage, however it went.
  static async run(environment, server, scenario) {
    const stage = new Stage(environment, server);
    try {
      await scenario(stage);
      stage.#members.forEach((member) => member.assertUnderstoodEverything());
    } finally {
      await stage.#close();
    }
  }
}

// assertRejected: the promise of one request, and only an answer to that request, failed.
export function assertRejected(result, code, message) {
  assert.ok(result.error, `want a rejection with ${code}, got ${JSON.stringify(result)}`);
  assert.equal(result.error.errorCode, code, JSON.stringify(result.error));
  assert.equal(result.error.requestId, result.requestId);
  assert.match(result.error.id, /^[a-zA-Z0-9]{12}$/);
  if (message instanceof RegExp) {
    assert.match(result.error.errorMessage, message);
  } else if (message !== undefined) {
    assert.equal(result.error.errorMessage, message);
  }
}

export function assertResolved(result) {
  assert.ok(result.value, `want a result, got ${JSON.stringify(result)}`);
  assert.equal(result.value.requestId, result.requestId);
  assert.match(result.value.id, /^[a-zA-Z0-9]{12}$/);
  return result.value;
}
