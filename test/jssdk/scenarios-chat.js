// What users of a room see through the messaging SDK. Every scenario makes its own room.
// A scenario ends with a fence (see lib/stage.js), so that counts are final, not early.

import assert from 'node:assert/strict';
import { assertRejected, assertResolved } from './lib/stage.js';
import { account } from './lib/server.js';

const moderator = ['SEND_MESSAGE', 'DELETE_MESSAGE', 'DISCONNECT_USER'];

export const chatScenarios = {
  'two users chat': async (stage) => {
    const room = await stage.room();
    const alice = await stage.join(room, { userId: 'alice', attributes: { displayName: 'Alice', team: 'blue' } });
    const bob = await stage.join(room, { userId: 'bob' });
    const before = Date.now();

    const hello = assertResolved(await alice.send('hello', { color: 'teal', empty: '' }));
    const answer = assertResolved(await bob.send('hello yourself'));

    assert.equal(hello.content, 'hello');
    assert.deepEqual(hello.attributes, { color: 'teal', empty: '' });
    assert.deepEqual(hello.sender, { userId: 'alice', attributes: { displayName: 'Alice', team: 'blue' } });
    assert.equal(answer.attributes, undefined);
    assert.deepEqual(answer.sender, { userId: 'bob', attributes: {} });
    for (const message of [hello, answer]) {
      const age = Date.parse(message.sendTime) - before;
      assert.ok(age >= -1000 && age < 15_000, `sendTime ${message.sendTime}`);
    }
    await stage.fence(room, alice, bob);
    assert.deepEqual(alice.messages, [hello, answer]);
    assert.deepEqual(bob.messages, [hello, answer]);
    assert.deepEqual(alice.states, ['connecting', 'connect']);
    assert.equal(alice.tokens, 1);
  },

  'a user without capabilities receives': async (stage) => {
    const room = await stage.room();
    const reader = await stage.join(room, { userId: 'reader', capabilities: undefined });
    const alice = await stage.join(room, { userId: 'alice' });
    const sent = assertResolved(await alice.send('to whom it may concern'));
    await stage.fence(room, reader);
    assert.deepEqual(reader.messages, [sent]);
  },

  'rooms hear nothing of each other': async (stage) => {
    const [one, other] = [await stage.room(), await stage.room()];
    const alice = await stage.join(one, { userId: 'alice' });
    const bob = await stage.join(other, { userId: 'bob' });
    assertResolved(await alice.send('in one'));
    assertResolved(await bob.send('in the other'));
    await stage.fence(one, alice);
    await stage.fence(other, bob);
    assert.deepEqual(alice.contents, ['in one']);
    assert.deepEqual(bob.contents, ['in the other']);
  },

  'both connections of one user receive': async (stage) => {
    const room = await stage.room();
    const phone = await stage.join(room, { userId: 'alice' });
    const laptop = await stage.join(room, { userId: 'alice' });
    const sent = assertResolved(await phone.send('from the phone'));
    await stage.fence(room, phone, laptop);
    assert.deepEqual(phone.messages, [sent]);
    assert.deepEqual(laptop.messages, [sent]);
  },

  'text arrives as it was written': async (stage) => {
    const room = await stage.room();
    const texts = [
      'Zażółć gęślą jaźń',
      '日本語 · עברית · العربية',
      '👩‍👩‍👧‍👦 🏳️‍🌈 é ≠ é',
      '<script>alert("&amp;")</script>',
      'line\nbreak\ttab \\ "quoted" \u2028 \u0001',
    ];
    const attributes = { 'ключ': 'значение 🎉', html: '<b>&</b>' };
    const alice = await stage.join(room, { userId: 'Алиса 🎈', attributes });
    const bob = await stage.join(room, { userId: 'bob' });
    for (const text of texts) {
      assert.equal(assertResolved(await alice.send(text, attributes)).content, text);
    }
    await stage.fence(room, bob);
    assert.deepEqual(bob.contents, texts);
    for (const message of bob.messages) {
      assert.deepEqual(message.attributes, attributes);
      assert.deepEqual(message.sender, { userId: 'Алиса 🎈', attributes });
    }
  },

  // spec: messaging.md §3; the text is compared byte by byte by existing applications.
  'length is counted in code points': async (stage) => {
    const room = await stage.room();
    const short = await stage.room({ maximumMessageLength: 5 });
    const alice = await stage.join(room, { userId: 'alice' });
    const bob = await stage.join(short, { userId: 'bob' });
    const most = '🎈'.repeat(500);

    assert.equal(assertResolved(await alice.send(most)).content, most);
    assertRejected(await alice.send(`${most}!`), 400, 'Message exceeds maximum length');
    assertRejected(await alice.send(''), 400);
    assertResolved(await bob.send('ééééé'));
    assertRejected(await bob.send('eeeeee'), 400, 'Message exceeds maximum length');

    await stage.fence(room, alice);
    await stage.fence(short, bob);
    assert.deepEqual(alice.contents, [most]);
    assert.deepEqual(bob.contents, ['ééééé']);
  },

  'a moderator deletes a message': async (stage) => {
    const room = await stage.room();
    const mod = await stage.join(room, { userId: 'mod', capabilities: moderator });
    const alice = await stage.join(room, { userId: 'alice' });
    const message = assertResolved(await alice.send('buy now'));

    const event = assertResolved(await mod.deleteMessage(message.id, 'spam'));
    const silent = assertResolved(await mod.deleteMessage(message.id));

    assert.equal(event.messageId, message.id);
    assert.equal(event.reason, 'spam');
    assert.equal(event.attributes.MessageId, message.id);
    assert.equal(silent.reason, '');
    assert.equal(new Set([event.id, silent.id, message.id]).size, 3);
    await stage.fence(room, mod, alice);
    assert.deepEqual(mod.of('messageDelete'), [event, silent]);
    assert.deepEqual(alice.of('messageDelete'), [event, silent]);
  },

  // spec: messaging.md §4.1
  'a moderator disconnects a user': async (stage) => {
    const room = await stage.room();
    const mod = await stage.join(room, { userId: 'mod', capabilities: moderator });
    const bystander = await stage.join(room, { userId: 'bystander' });
    const targets = [
      await stage.join(room, { userId: 'target' }),
      await stage.join(room, { userId: 'target' }),
    ];

    const event = assertResolved(await mod.disconnectUser('target', 'be nice'));

    assert.equal(event.userId, 'target');
    assert.equal(event.reason, 'be nice');
    const gone = ['connecting', 'connect', 'disconnect(serverDisconnect)'];
    for (const target of targets) {
      await target.untilStates(gone);
      assert.deepEqual(target.of('userDisconnect'), [event]);
    }
    const after = assertResolved(await bystander.send('still here'));
    await stage.fence(room, mod, bystander);
    for (const member of [mod, bystander]) {
      assert.deepEqual(member.of('userDisconnect'), [event]);
      assert.deepEqual(member.messages, [after]);
      assert.deepEqual(member.states, ['connecting', 'connect']);
    }
    for (const target of targets) {
      assert.deepEqual(target.states, gone);
      assert.deepEqual(target.messages, []);
      assert.equal(target.tokens, 1);
    }

    await targets[0].connect();
    await targets[0].untilState('connect');
    assertResolved(await targets[0].send('a disconnect is not a ban'));
  },

  'what capabilities do not allow is rejected': async (stage) => {
    const room = await stage.room();
    const reader = await stage.join(room, { userId: 'reader', capabilities: [] });
    const writer = await stage.join(room, { userId: 'writer' });
    const cleaner = await stage.join(room, { userId: 'cleaner', capabilities: ['DELETE_MESSAGE'] });
    const message = assertResolved(await writer.send('stays'));

    for (const result of await reader.act([
      { kind: 'send', content: 'no' },
      { kind: 'delete', id: message.id },
      { kind: 'disconnect', userId: 'writer' },
    ])) {
      assertRejected(result, 403);
    }
    assertRejected(await writer.deleteMessage(message.id), 403);
    assertRejected(await writer.disconnectUser('reader'), 403);
    assertRejected(await cleaner.send('no'), 403);
    assertRejected(await cleaner.disconnectUser('reader'), 403);

    await stage.fence(room, reader, writer, cleaner);
    for (const member of [reader, writer, cleaner]) {
      assert.deepEqual(member.messages, [message]);
      assert.deepEqual(member.of('messageDelete'), []);
      assert.deepEqual(member.of('userDisconnect'), []);
      assert.deepEqual(member.states, ['connecting', 'connect']);
    }
  },

  'fields that are too large are rejected': async (stage) => {
    const room = await stage.room();
    const mod = await stage.join(room, { userId: 'mod', capabilities: moderator });
    const fits = { k: 'é'.repeat(511), n: '' };
    const sent = assertResolved(await mod.send('fits', { k: 'é'.repeat(511) }));
    assert.equal(Buffer.byteLength(fits.k), 1022);
    assertResolved(await mod.send('just fits', fits));
    assertRejected(await mod.send('too large', { ...fits, o: '' }), 413);
    assertRejected(await mod.deleteMessage(sent.id, 'r'.repeat(257)), 413);
    assertRejected(await mod.disconnectUser('nobody', 'r'.repeat(257)), 413);
    assertRejected(await mod.deleteMessage('not-an-id'), 400);

    await stage.fence(room, mod);
    assert.deepEqual(mod.contents, ['fits', 'just fits']);
    assert.deepEqual(mod.of('messageDelete'), []);
  },

  'requests in flight keep their answers apart': async (stage) => {
    const room = await stage.room();
    const mod = await stage.join(room, { userId: 'mod', capabilities: moderator });
    const results = await mod.act([
      { kind: 'send', content: 'first' },
      { kind: 'send', content: 'x'.repeat(501) },
      { kind: 'delete', id: 'AAAAbbbb0001', reason: 'one' },
      { kind: 'send', content: 'large', attributes: { k: 'x'.repeat(1024) } },
      { kind: 'disconnect', userId: 'nobody' },
      { kind: 'delete', id: '' },
      { kind: 'send', content: 'last' },
    ]);

    assert.equal(assertResolved(results[0]).content, 'first');
    assertRejected(results[1], 400, 'Message exceeds maximum length');
    assert.equal(assertResolved(results[2]).messageId, 'AAAAbbbb0001');
    assertRejected(results[3], 413);
    assert.equal(assertResolved(results[4]).userId, 'nobody');
    assertRejected(results[5], 400);
    assert.equal(assertResolved(results[6]).content, 'last');
    const ids = results.map(({ value, error }) => (value ?? error).id);
    assert.equal(new Set(ids).size, results.length);
    await stage.fence(room, mod);
    assert.deepEqual(mod.contents, ['first', 'last']);
  },

  'a room over its rate rejects': async (stage) => {
    const room = await stage.room({ maximumMessageRatePerSecond: 1 });
    const alice = await stage.join(room, { userId: 'alice' });
    const bob = await stage.join(room, { userId: 'bob' });

    const results = await alice.act(['a', 'b', 'c', 'd'].map((content) => ({ kind: 'send', content })));

    const first = assertResolved(results[0]);
    results.slice(1).forEach((result) => assertRejected(result, 429, 'rate limit exceeded'));
    await stage.fence(room, alice, bob);
    assert.deepEqual(alice.messages, [first]);
    assert.deepEqual(bob.messages, [first]);
    assert.deepEqual(alice.states, ['connecting', 'connect']);

    await stage.control.updateRoom({ identifier: room, maximumMessageRatePerSecond: 100 });
    let accepted;
    await bob.until(() => {
      accepted ??= bob.send('room again').then((result) => {
        if (result.error?.errorCode === 429) {
          accepted = undefined;
          setTimeout(() => bob.changed.fire(), 50);
        }
      });
      return bob.contents.includes('room again');
    }, 'a message once the rate allows it');
  },

  'a connection over its rate rejects': async (stage) => {
    const room = await stage.room();
    const alice = await stage.join(room, { userId: 'alice' });
    const bob = await stage.join(room, { userId: 'bob' });
    const contents = Array.from({ length: 30 }, (_, i) => `${i}`);

    const results = await alice.act(contents.map((content) => ({ kind: 'send', content })));

    const accepted = results.filter((result) => result.value).map((result) => result.value.content);
    results.filter((result) => !result.value)
      .forEach((result) => assertRejected(result, 429, 'rate limit exceeded'));
    assert.deepEqual(accepted.slice(0, 10), contents.slice(0, 10));
    assert.ok(accepted.length < 20, `${accepted.length} of 30 accepted at once`);
    assertResolved(await bob.send('not my rate'));
    await stage.fence(room, alice, bob);
    assert.deepEqual(bob.contents, [...accepted, 'not my rate']);
    assert.deepEqual(alice.states, ['connecting', 'connect']);
  },

  // spec: review-handler.md; no such function can be invoked, so the fallback decides.
  'a message that review denies is rejected': async (stage) => {
    const uri = `arn:aws:lambda:us-west-2:${account}:function:nobody-home`;
    const room = await stage.room({ messageReviewHandler: { uri, fallbackResult: 'DENY' } });
    const alice = await stage.join(room, { userId: 'alice' });
    assertRejected(await alice.send('let me through'), 406, /./);

    await stage.control.updateRoom({ identifier: room, messageReviewHandler: { uri: '' } });
    const sent = assertResolved(await alice.send('without review'));
    await stage.fence(room, alice);
    assert.deepEqual(alice.messages, [sent]);
  },

  'operations of the control plane arrive': async (stage) => {
    const room = await stage.room();
    const alice = await stage.join(room, { userId: 'alice' });
    const bob = await stage.join(room, { userId: 'bob' });
    const message = assertResolved(await bob.send('regrettable'));

    const attributes = { score: '3:1', who: '🏠' };
    const score = await stage.control.sendEvent({ roomIdentifier: room, eventName: 'app:SCORE', attributes });
    const deletion = await stage.control.deleteMessage({ roomIdentifier: room, id: message.id, reason: 'rude' });
    await stage.control.disconnectUser({ roomIdentifier: room, userId: 'bob', reason: 'bye' });

    await bob.untilStates(['connecting', 'connect', 'disconnect(serverDisconnect)']);
    await stage.fence(room, alice);
    for (const member of [alice, bob]) {
      const events = member.of('event').filter((event) => event.eventName !== 'app:fence');
      assert.deepEqual(events.map(({ sendTime, ...rest }) => rest), [
        { id: score.id, eventName: 'app:SCORE', requestId: '', attributes },
      ]);
      assert.deepEqual(member.of('messageDelete').map(({ id, messageId, reason, requestId }) => ({ id, messageId, reason, requestId })), [
        { id: deletion.id, messageId: message.id, reason: 'rude', requestId: '' },
      ]);
      assert.deepEqual(member.of('userDisconnect').map(({ userId, reason, requestId }) => ({ userId, reason, requestId })), [
        { userId: 'bob', reason: 'bye', requestId: '' },
      ]);
    }
    assert.notEqual(deletion.id, message.id);
    assert.deepEqual(alice.states, ['connecting', 'connect']);
    assert.deepEqual(alice.of('event').at(-1).attributes, undefined);
  },

  // spec: control-plane.md §2.4
  'a deleted room keeps connections but takes no messages': async (stage) => {
    const room = await stage.room();
    const alice = await stage.join(room, { userId: 'alice' });
    const provide = stage.provider(room, { userId: 'late', capabilities: ['SEND_MESSAGE'] });
    const unused = await provide();
    await stage.control.deleteRoom({ identifier: room });

    assertRejected(await alice.send('anybody?'), 404);
    assert.deepEqual(alice.states, ['connecting', 'connect']);

    const late = await stage.enter(room, { userId: 'late', issue: () => unused });
    await late.untilStates(['connecting', 'disconnect(socketError)']);
    const refused = await stage.enter(room, { userId: 'refused' });
    await refused.untilStates(['connecting', 'disconnect(fetchTokenError)'], 20_000);
    assert.deepEqual(alice.states, ['connecting', 'connect']);
  },

  'a token starts one connection': async (stage) => {
    const room = await stage.room();
    const token = await stage.provider(room, { userId: 'alice', capabilities: ['SEND_MESSAGE'] })();
    const alice = await stage.join(room, { userId: 'alice', issue: () => token });
    const thief = await stage.enter(room, { userId: 'thief', issue: () => token });

    await thief.untilStates(['connecting', 'disconnect(socketError)']);
    assert.equal(thief.tokens, 4);
    assertResolved(await alice.send('mine'));
    assert.deepEqual(alice.states, ['connecting', 'connect']);
  },

  'a garbled token starts none': async (stage) => {
    const room = await stage.room();
    const provide = stage.provider(room, { userId: 'mallory', capabilities: moderator });
    const bend = async () => {
      const answer = await provide();
      const middle = Math.floor(answer.token.length / 2);
      const swapped = answer.token[middle] === 'A' ? 'B' : 'A';
      return { ...answer, token: answer.token.slice(0, middle) + swapped + answer.token.slice(middle + 1) };
    };
    const mallory = await stage.enter(room, { userId: 'mallory', issue: bend });
    await mallory.untilStates(['connecting', 'disconnect(socketError)']);
    assert.equal(mallory.tokens, 4);
  },

  'a user who leaves comes back with a new token': async (stage) => {
    const room = await stage.room();
    const alice = await stage.join(room, { userId: 'alice' });
    const bob = await stage.join(room, { userId: 'bob' });
    await alice.leave();
    await alice.untilState('disconnect(clientDisconnect)');
    assertResolved(await bob.send('while away'));
    await alice.connect();
    await alice.untilState('connect');
    const sent = assertResolved(await bob.send('welcome back'));
    await stage.fence(room, alice);
    assert.deepEqual(alice.messages, [sent]);
    assert.equal(alice.tokens, 2);
  },
};
