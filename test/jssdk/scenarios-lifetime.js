// How connections end and come back. Those that need a server of their own start it.

import assert from 'node:assert/strict';
import { controlPlane, freshConnections } from './lib/control.js';
import { Proxy } from './lib/proxy.js';
import { RawSession } from './lib/raw.js';
import { Server } from './lib/server.js';
import { Stage, assertResolved } from './lib/stage.js';

const again = ['connecting', 'connect', 'connecting', 'connect'];
const steady = ['connecting', 'connect'];

// A stage whose members and token providers reach the server through a proxy.
async function withProxy(environment, server, scenario) {
  const proxy = await Proxy.to(server.port);
  const control = freshConnections(proxy.endpoint);
  try {
    await Stage.run(environment, server, async (stage) => {
      const room = await stage.room();
      const join = (userId) => stage.join(room, { userId, url: proxy.socketUrl, control });
      await scenario({ stage, proxy, room, join });
    });
  } finally {
    control.destroy();
    await proxy.stop();
  }
}

async function withServer(options, run) {
  const server = await Server.serve(options);
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

// Both send and both hear both, each once.
async function assertChat(stage, room, alice, bob, label) {
  const sent = [
    assertResolved(await alice.send(`${label}: alice`)),
    assertResolved(await bob.send(`${label}: bob`)),
  ];
  await stage.fence(room, alice, bob);
  for (const member of [alice, bob]) {
    assert.deepEqual(member.messages.filter(({ content }) => content.startsWith(`${label}:`)), sent);
  }
}

// spec: messaging.md §7: with 32 s of validity the SDK refreshes every 2 s.
const refreshing = { args: ['--token-validity', '32s'] };

// The SDK forgets what it has not read from the old connection when the new one opens, so
// a process too busy to read loses what the server delivered in time. This scenario is
// about the server: it runs with nothing beside it and no proxy between.
async function refreshLosesNothing(environment) {
  await withServer(refreshing, (server) => Stage.run(environment, server, async (stage) => {
    const room = await stage.room();
    const subject = await stage.join(room, { userId: 'subject', refresh: true });
    const speaker = await stage.join(room, { userId: 'speaker' });
    const said = [];
    const answered = [];
    while (subject.tokens < 5) {
      said.push(assertResolved(await speaker.send(`speaker ${said.length}`)).id);
      answered.push(assertResolved(await subject.send(`subject ${answered.length}`)).id);
      assert.ok(said.length < 400, `no refresh: ${subject.describe()}`);
      // A step below the 10 requests a second that a connection may make.
      await new Promise((resolve) => setTimeout(resolve, 110));
    }
    await stage.fence(room, subject, speaker);

    const from = (member, userId) => member.messages.filter(({ sender }) => sender.userId === userId).map(({ id }) => id);
    for (const member of [subject, speaker]) {
      assert.deepEqual(from(member, 'speaker'), said);
      assert.deepEqual(from(member, 'subject'), answered);
      assert.deepEqual(member.states, steady);
    }
  }));
}

// Each connection that was replaced is closed, not left behind.
async function refreshLeavesNothingBehind(environment) {
  await withServer(refreshing, (server) => withProxy(environment, server, async ({ stage, proxy, room }) => {
    const subject = await stage.join(room, { userId: 'subject', url: proxy.socketUrl, refresh: true });
    await subject.until(() => subject.tokens >= 5, 'four refreshes');
    await proxy.changed.until(() => proxy.open <= 2, () => `${proxy.open} connections of one user`);
    assert.deepEqual(subject.states, steady);
  }));
}

function cutReconnects(how) {
  return (environment, shared) => withProxy(environment, shared, async ({ stage, proxy, room, join }) => {
    const [alice, bob] = [await join('alice'), await join('bob')];
    await assertChat(stage, room, alice, bob, 'before');
    assert.equal(proxy.cut(how), 2);
    await alice.untilStates(again);
    await bob.untilStates(again);
    await assertChat(stage, room, alice, bob, 'after');
    for (const member of [alice, bob]) {
      assert.equal(member.tokens, 2);
      assert.equal(member.messages.length, 4);
    }
  });
}

// The proxy stands for a load balancer that keeps callers waiting while no server is up:
// four instant attempts are all the patience the SDK has (spec: messaging.md §4.3).
async function killReconnects(environment) {
  await withServer({}, (server) => withProxy(environment, server, async ({ stage, proxy, room, join }) => {
    const [alice, bob] = [await join('alice'), await join('bob')];
    await assertChat(stage, room, alice, bob, 'before');

    proxy.hold();
    server.signal('SIGKILL');
    await server.exited;
    await alice.untilStates(again.slice(0, 3));
    await bob.untilStates(again.slice(0, 3));
    await server.start(server.port);
    proxy.release();

    await alice.untilStates(again);
    await bob.untilStates(again);
    await assertChat(stage, room, alice, bob, 'after');
    assert.deepEqual([alice.tokens, bob.tokens], [2, 2]);
  }));
}

async function killForGoodDisconnects(environment) {
  await withServer({}, (server) => Stage.run(environment, server, async (stage) => {
    const room = await stage.room();
    const provide = stage.provider(room, { userId: 'alice' });
    const tokens = [];
    for (let i = 0; i < 5; i++) {
      tokens.push(await provide());
    }
    const alice = await stage.join(room, { userId: 'alice', issue: () => tokens.shift() });
    server.signal('SIGKILL');
    await alice.untilStates(['connecting', 'connect', 'connecting', 'disconnect(socketError)']);
    assert.equal(alice.tokens, 5);
  }));
}

// spec: messaging.md §4.3: ERROR 401 and a bare end, never a Close, to those who should come back.
async function drainSendsNobodyAway(environment) {
  await withServer({}, (server) => withProxy(environment, server, async ({ stage, proxy, room, join }) => {
    const [alice, bob] = [await join('alice'), await join('bob')];
    const { token } = await stage.provider(room, { userId: 'deaf' })();
    const deaf = await RawSession.open(proxy.socketUrl, token);
    await assertChat(stage, room, alice, bob, 'before');

    proxy.hold();
    server.signal('SIGTERM');
    await alice.untilStates(again.slice(0, 3));
    await bob.untilStates(again.slice(0, 3));
    await deaf.until(() => deaf.closed, 'the end of a session that ignores ERROR 401', 30_000);
    const errors = deaf.frames.filter((frame) => frame.Type === 'ERROR');
    assert.deepEqual(errors.map(({ ErrorCode, RequestId }) => ({ ErrorCode, RequestId })), [{ ErrorCode: 401, RequestId: '' }]);
    assert.deepEqual([deaf.closed.code, deaf.closed.wasClean], [1006, false]);
    assert.deepEqual(await server.exited, { code: 0, signal: null }, server.log);
    await server.start();
    proxy.release(server.port);

    await alice.untilStates(again);
    await bob.untilStates(again);
    stage.control.destroy();
    stage.control = controlPlane(server.endpoint);
    await assertChat(stage, room, alice, bob, 'after');
    assert.deepEqual([alice.tokens, bob.tokens], [2, 2]);
  }));
}

// Sessions last a minute at least, so these take a little more than one.
async function expiryReconnects(environment, shared) {
  await Stage.run(environment, shared, async (stage) => {
    const room = await stage.room();
    const short = await stage.join(room, { userId: 'short', sessionDurationInMinutes: 1 });
    const long = await stage.join(room, { userId: 'long' });
    await assertChat(stage, room, short, long, 'before');
    await short.untilStates(again, 80_000);
    await assertChat(stage, room, short, long, 'after');
    assert.deepEqual(short.states, again);
    assert.deepEqual(long.states, steady);
    assert.deepEqual([short.tokens, long.tokens], [2, 1]);
  });
}

// spec: messaging.md §4.2
async function expiryOnTheWire(shared) {
  const control = controlPlane(shared.endpoint);
  const { arn } = await control.createRoom();
  const { token, sessionExpirationTime } = await control.createChatToken({
    roomIdentifier: arn, userId: 'deaf', capabilities: ['SEND_MESSAGE'], sessionDurationInMinutes: 1,
  });
  const session = await RawSession.open(shared.socketUrl, token);
  await session.until(() => session.frames.length > 0, 'ERROR 401 at expiry', 80_000);
  assert.ok(Date.now() >= sessionExpirationTime.getTime(), 'expired early');
  session.send({ Action: 'SEND_MESSAGE', RequestId: 'late', Content: 'too late' });
  await session.until(() => session.closed, 'the end of the expired session', 10_000);
  assert.deepEqual(
    session.frames.map(({ Type, ErrorCode, RequestId }) => ({ Type, ErrorCode, RequestId })),
    [{ Type: 'ERROR', ErrorCode: 401, RequestId: '' }, { Type: 'ERROR', ErrorCode: 401, RequestId: 'late' }],
  );
  assert.equal(new Set(session.frames.map(({ Id }) => Id)).size, 2);
  assert.deepEqual([session.closed.code, session.closed.wasClean], [1006, false]);
  control.destroy();
}

export const lifetimeScenarios = {
  'token refresh closes the connection it replaces': refreshLeavesNothingBehind,
  'a connection ended by FIN reconnects': cutReconnects('FIN'),
  'a connection ended by RST reconnects': cutReconnects('RST'),
  'a killed server that returns is reconnected to': killReconnects,
  'a killed server that stays away is given up': killForGoodDisconnects,
  'a drained server sends nobody away for good': drainSendsNobodyAway,
  'an expired session reconnects': expiryReconnects,
};

export const aloneScenarios = {
  'token refresh overlaps without a lost or doubled message': refreshLosesNothing,
};

export const wireScenarios = {
  'an expired session is told, refused and cut': expiryOnTheWire,
};
