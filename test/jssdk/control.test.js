// The control plane through its SDK: all 17 operations, paginators, exceptions.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  AccessDeniedException,
  ConflictException,
  IvschatServiceException,
  PendingVerification,
  ResourceNotFoundException,
  ServiceQuotaExceededException,
  ThrottlingException,
  ValidationException,
  paginateListLoggingConfigurations,
  paginateListRooms,
} from '@aws-sdk/client-ivschat';
import { controlPlane } from './lib/control.js';
import { nodeEnvironment } from './lib/environment.js';
import { Server, account, credentials } from './lib/server.js';
import { Stage, assertResolved } from './lib/stage.js';

const limits = { timeout: 60_000 };
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const id = /^[a-zA-Z0-9]{12}$/;
const roomArn = (room) => `arn:aws:ivschat:us-west-2:${account}:room/${room}`;

function assertRecent(time, what) {
  assert.ok(time instanceof Date, `${what} is a ${typeof time}`);
  assert.ok(Math.abs(time.getTime() - Date.now()) < 30_000, `${what}: ${time.toISOString()}`);
}

async function rejection(promise, type, status) {
  const error = await promise.then(
    (value) => assert.fail(`want ${type.name}, got ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  assert.ok(error instanceof type, `want ${type.name}, got ${error.name}: ${error.message}`);
  assert.ok(error instanceof IvschatServiceException);
  assert.equal(error.$metadata.httpStatusCode, status);
  assert.match(error.$metadata.requestId, uuid);
  assert.notEqual(error.message, '');
  return error;
}

async function named(promise, name, status) {
  const error = await rejection(promise, IvschatServiceException, status);
  assert.equal(error.name, name);
  return error;
}

const without$ = ({ $metadata, ...rest }) => rest;

describe('the control plane', () => {
  let server;
  let chat;

  before(async () => {
    server = await Server.serve();
    chat = controlPlane(server.endpoint);
  });

  after(async () => {
    chat?.destroy();
    await server?.stop();
  });

  test('a room is made, read, changed, listed and deleted', limits, async () => {
    const made = await chat.createRoom({ name: 'stage-1', tags: { env: 'test' } });
    assert.equal(made.$metadata.httpStatusCode, 200);
    assert.match(made.$metadata.requestId, uuid);
    assert.match(made.id, id);
    assert.equal(made.arn, roomArn(made.id));
    assertRecent(made.createTime, 'createTime');
    assertRecent(made.updateTime, 'updateTime');
    assert.deepEqual(without$(made), {
      arn: made.arn, id: made.id, name: 'stage-1', createTime: made.createTime, updateTime: made.updateTime,
      maximumMessageRatePerSecond: 10, maximumMessageLength: 500, tags: { env: 'test' },
      loggingConfigurationIdentifiers: [],
    });

    const read = await chat.getRoom({ identifier: made.arn });
    assert.deepEqual(without$(read), without$(made));
    assert.notEqual(read.$metadata.requestId, made.$metadata.requestId);

    const handler = { uri: `arn:aws:lambda:us-west-2:${account}:function:review`, fallbackResult: 'DENY' };
    const changed = await chat.updateRoom({
      identifier: made.arn, name: '', maximumMessageLength: 7, maximumMessageRatePerSecond: 100, messageReviewHandler: handler,
    });
    assert.ok(changed.updateTime >= made.updateTime);
    assert.deepEqual(without$(changed), {
      ...without$(made), updateTime: changed.updateTime, name: '', maximumMessageLength: 7,
      maximumMessageRatePerSecond: 100, messageReviewHandler: handler,
    });

    const { maximumMessageLength, maximumMessageRatePerSecond, ...summary } = without$(changed);
    const listed = await chat.listRooms({ messageReviewHandlerUri: handler.uri });
    assert.deepEqual(listed.rooms, [summary]);
    assert.equal(listed.nextToken, undefined);

    assert.equal((await chat.deleteRoom({ identifier: made.arn })).$metadata.httpStatusCode, 204);
    const gone = await rejection(chat.getRoom({ identifier: made.arn }), ResourceNotFoundException, 404);
    assert.equal(gone.resourceId, made.id);
    assert.equal(gone.resourceType, 'ROOM');
  });

  test('a logging configuration is made, read, changed, used and deleted', limits, async () => {
    const made = await chat.createLoggingConfiguration({
      name: 'archive', destinationConfiguration: { s3: { bucketName: 'chat-archive' } }, tags: { keep: 'yes' },
    });
    assert.match(made.id, id);
    assert.equal(made.arn, `arn:aws:ivschat:us-west-2:${account}:logging-configuration/${made.id}`);
    assert.equal(made.state, 'ACTIVE');
    assertRecent(made.createTime, 'createTime');
    assertRecent(made.updateTime, 'updateTime');
    assert.deepEqual(made.destinationConfiguration, { s3: { bucketName: 'chat-archive' } });
    assert.deepEqual(made.tags, { keep: 'yes' });
    assert.deepEqual(without$(await chat.getLoggingConfiguration({ identifier: made.arn })), without$(made));

    const destinationConfiguration = { firehose: { deliveryStreamName: 'chat.stream' } };
    const changed = await chat.updateLoggingConfiguration({ identifier: made.arn, destinationConfiguration });
    assert.deepEqual(without$(changed), { ...without$(made), updateTime: changed.updateTime, destinationConfiguration });
    const { loggingConfigurations } = await chat.listLoggingConfigurations({});
    assert.deepEqual(loggingConfigurations.filter(({ arn }) => arn === made.arn), [without$(changed)]);

    const room = await chat.createRoom({ loggingConfigurationIdentifiers: [made.arn] });
    assert.deepEqual(room.loggingConfigurationIdentifiers, [made.arn]);
    const { rooms } = await chat.listRooms({ loggingConfigurationIdentifier: made.arn });
    assert.deepEqual(rooms.map(({ arn }) => arn), [room.arn]);
    const busy = await rejection(chat.deleteLoggingConfiguration({ identifier: made.arn }), ConflictException, 409);
    assert.equal(busy.resourceId, made.id);
    assert.equal(busy.resourceType, 'LOGGING_CONFIGURATION');

    await chat.updateRoom({ identifier: room.arn, loggingConfigurationIdentifiers: [] });
    assert.equal((await chat.deleteLoggingConfiguration({ identifier: made.arn })).$metadata.httpStatusCode, 204);
    await rejection(chat.getLoggingConfiguration({ identifier: made.arn }), ResourceNotFoundException, 404);
  });

  test('tags are added, overwritten, listed and removed', limits, async () => {
    const room = await chat.createRoom({ tags: { old: '1' } });
    const logging = await chat.createLoggingConfiguration({ destinationConfiguration: { cloudWatchLogs: { logGroupName: '/chat/all' } } });
    for (const { arn } of [room, logging]) {
      await chat.tagResource({ resourceArn: arn, tags: { old: '2', 'a b': 'c d', 'é/ü': 'x:y@z', plus: '1+1=2' } });
      const { tags } = await chat.listTagsForResource({ resourceArn: arn });
      assert.deepEqual(tags, { old: '2', 'a b': 'c d', 'é/ü': 'x:y@z', plus: '1+1=2' });
      await chat.untagResource({ resourceArn: arn, tagKeys: ['a b', 'é/ü', 'never there'] });
      assert.deepEqual((await chat.listTagsForResource({ resourceArn: arn })).tags, { old: '2', plus: '1+1=2' });
    }
    assert.deepEqual((await chat.getRoom({ identifier: room.arn })).tags, { old: '2', plus: '1+1=2' });
    await chat.deleteLoggingConfiguration({ identifier: logging.arn });
    await rejection(chat.listTagsForResource({ resourceArn: logging.arn }), ResourceNotFoundException, 404);
  });

  test('chat tokens carry their times', limits, async () => {
    const { arn } = await chat.createRoom({});
    const before = Date.now();
    const [one, two] = await Promise.all([
      chat.createChatToken({ roomIdentifier: arn, userId: 'alice' }),
      chat.createChatToken({ roomIdentifier: arn, userId: 'alice', sessionDurationInMinutes: 180, attributes: { k: 'x'.repeat(1023) } }),
    ]);
    const minutes = (time) => Math.round((time.getTime() - before) / 6_000) / 10;
    assert.ok(one.tokenExpirationTime instanceof Date && one.sessionExpirationTime instanceof Date);
    assert.equal(minutes(one.tokenExpirationTime), 1);
    assert.equal(minutes(one.sessionExpirationTime), 60);
    assert.equal(minutes(two.sessionExpirationTime), 180);
    assert.notEqual(one.token, two.token);
    for (const { token } of [one, two]) {
      assert.match(token, /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/);
      assert.ok(token.length < 4096);
    }
  });

  test('events, deletions and disconnects are accepted', limits, async () => {
    const { arn } = await chat.createRoom({});
    const event = await chat.sendEvent({ roomIdentifier: arn, eventName: 'app:HELLO', attributes: { k: 'v' } });
    const deletion = await chat.deleteMessage({ roomIdentifier: arn, id: 'AAAAbbbb0001', reason: 'r' });
    const disconnect = await chat.disconnectUser({ roomIdentifier: arn, userId: 'nobody' });
    assert.match(event.id, id);
    assert.match(deletion.id, id);
    assert.equal(new Set([event.id, deletion.id, 'AAAAbbbb0001']).size, 3);
    assert.equal(disconnect.$metadata.httpStatusCode, 200);
  });

  test('paginators walk all pages, newest first', limits, async () => {
    const made = [];
    for (let i = 0; i < 7; i++) {
      made.unshift((await chat.createRoom({ name: 'paged' })).arn);
    }
    const pages = [];
    for await (const page of paginateListRooms({ client: chat, pageSize: 3 }, { name: 'paged' })) {
      pages.push(page.rooms.map(({ arn }) => arn));
    }
    assert.deepEqual(pages.map((page) => page.length), [3, 3, 1]);
    assert.deepEqual(new Set(pages.flat()), new Set(made));
    const { rooms } = await chat.listRooms({ name: 'paged' });
    assert.deepEqual(rooms.map(({ arn }) => arn), pages.flat());
    for (let i = 1; i < rooms.length; i++) {
      assert.ok(rooms[i - 1].updateTime >= rooms[i].updateTime);
    }

    const configurations = [];
    for (let i = 0; i < 3; i++) {
      const { arn } = await chat.createLoggingConfiguration({ destinationConfiguration: { s3: { bucketName: `bucket-${i}` } } });
      configurations.push(arn);
    }
    const walked = [];
    for await (const page of paginateListLoggingConfigurations({ client: chat, pageSize: 1 }, {})) {
      assert.equal(page.loggingConfigurations.length, 1);
      walked.push(page.loggingConfigurations[0].arn);
    }
    assert.equal(new Set(walked).size, walked.length);
    configurations.forEach((arn) => assert.ok(walked.includes(arn)));
    await Promise.all(configurations.map((arn) => chat.deleteLoggingConfiguration({ identifier: arn })));
  });

  test('bad input names every bad field', limits, async () => {
    const error = await rejection(
      chat.createRoom({ name: 'not a name', maximumMessageLength: 501, maximumMessageRatePerSecond: 101 }),
      ValidationException, 400,
    );
    assert.equal(error.reason, 'FIELD_VALIDATION_FAILED');
    assert.deepEqual(
      error.fieldList.map(({ name }) => name).sort(),
      ['maximumMessageLength', 'maximumMessageRatePerSecond', 'name'],
    );
    error.fieldList.forEach(({ message }) => assert.notEqual(message, ''));
    await rejection(chat.getRoom({ identifier: 'AAAAbbbb0001' }), ValidationException, 400);
    await rejection(chat.listRooms({ nextToken: 'garbled' }), ValidationException, 400);
    const { arn } = await chat.createRoom({});
    await rejection(chat.createChatToken({ roomIdentifier: arn, userId: 'u', sessionDurationInMinutes: 181 }), ValidationException, 400);
    await rejection(chat.sendEvent({ roomIdentifier: arn, eventName: 'aws:FAKE' }), ValidationException, 400);
    await rejection(chat.deleteMessage({ roomIdentifier: arn, id: 'short' }), ValidationException, 400);
  });

  test('what is not there is not found', limits, async () => {
    const arn = roomArn('AAAAbbbb0001');
    const calls = [
      chat.getRoom({ identifier: arn }),
      chat.updateRoom({ identifier: arn }),
      chat.deleteRoom({ identifier: arn }),
      chat.createChatToken({ roomIdentifier: arn, userId: 'u' }),
      chat.sendEvent({ roomIdentifier: arn, eventName: 'e' }),
      chat.deleteMessage({ roomIdentifier: arn, id: 'AAAAbbbb0001' }),
      chat.disconnectUser({ roomIdentifier: arn, userId: 'u' }),
      chat.listTagsForResource({ resourceArn: arn }),
      chat.tagResource({ resourceArn: arn, tags: { a: 'b' } }),
      chat.untagResource({ resourceArn: arn, tagKeys: ['a'] }),
    ];
    const errors = await Promise.all(calls.map((call) => rejection(call, ResourceNotFoundException, 404)));
    for (const error of errors) {
      assert.equal(error.resourceId, 'AAAAbbbb0001');
      assert.equal(error.resourceType, 'ROOM');
    }
    assert.equal(new Set(errors.map((error) => error.$metadata.requestId)).size, calls.length);
  });

  test('a room of another account is denied', limits, async () => {
    const arn = 'arn:aws:ivschat:us-west-2:999999999999:room/AAAAbbbb0001';
    await rejection(chat.getRoom({ identifier: arn }), AccessDeniedException, 403);
  });

  test('the quota of logging configurations holds', limits, async () => {
    const other = controlPlane(server.endpoint, { region: 'eu-west-1' });
    const make = (i) => other.createLoggingConfiguration({ destinationConfiguration: { s3: { bucketName: `bucket-${i}` } } });
    for (let i = 0; i < 10; i++) {
      await make(i);
    }
    const error = await rejection(make(10), ServiceQuotaExceededException, 402);
    assert.equal(error.limit, 10);
    assert.equal(error.resourceType, 'LOGGING_CONFIGURATION');
    assert.equal(error.resourceId, '');
    other.destroy();
  });

  test('a wrong secret is refused', limits, async () => {
    const forged = controlPlane(server.endpoint, { credentials: { ...credentials, secretAccessKey: 'wrong' } });
    const error = await named(forged.listRooms({}), 'InvalidSignatureException', 403);
    assert.match(error.message, /^The request signature we calculated does not match/);
    forged.destroy();

    const unknown = controlPlane(server.endpoint, { credentials: { accessKeyId: 'AKIDNOBODY0000000000', secretAccessKey: 'any' } });
    await named(unknown.listRooms({}), 'UnrecognizedClientException', 403);
    unknown.destroy();
  });

  test('a clock that is wrong is corrected from the answer', limits, async () => {
    const slow = controlPlane(server.endpoint, { systemClockOffset: -3_600_000 });
    const answer = await slow.listRooms({});
    assert.equal(answer.$metadata.attempts, 2);
    slow.destroy();
  });
});

describe('the control plane with the rates of AWS', () => {
  test('calls over the rate are throttled, and retries get through', limits, async () => {
    const server = await Server.serve({ args: ['--quotas', 'aws'] });
    const hasty = controlPlane(server.endpoint, { maxAttempts: 1 });
    const patient = controlPlane(server.endpoint, { maxAttempts: 8 });
    try {
      const { arn } = await hasty.createRoom({});
      const settled = await Promise.allSettled(Array.from({ length: 12 }, () => hasty.getRoom({ identifier: arn })));
      assert.ok(settled.filter(({ status }) => status === 'fulfilled').length >= 5);
      const refused = settled.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
      assert.ok(refused.length > 0, 'nothing was throttled');
      for (const error of refused) {
        assert.ok(error instanceof ThrottlingException, `${error.name}: ${error.message}`);
        assert.equal(error.$metadata.httpStatusCode, 429);
        assert.equal(error.limit, 5);
      }

      const answers = await Promise.all(Array.from({ length: 8 }, () => patient.getRoom({ identifier: arn })));
      assert.ok(answers.every((answer) => answer.arn === arn));
      assert.ok(answers.some(({ $metadata }) => $metadata.attempts > 1), 'nothing was retried');
    } finally {
      hasty.destroy();
      patient.destroy();
      await server.stop();
    }
  });
});

describe('a suspended account', () => {
  test('may look but not act', limits, async () => {
    const server = await Server.serve({ args: ['--pending-accounts', account] });
    const chat = controlPlane(server.endpoint);
    try {
      await rejection(chat.createRoom({}), PendingVerification, 403);
      assert.deepEqual((await chat.listRooms({})).rooms, []);
    } finally {
      chat.destroy();
      await server.stop();
    }
  });
});

describe('a server for development', () => {
  let server;

  before(async () => {
    server = await Server.dev();
  });

  after(async () => {
    await server?.stop();
  });

  const as = (accessKeyId) => ({ credentials: { accessKeyId, secretAccessKey: 'anything' } });

  test('takes any credentials, an account number among them', limits, async () => {
    const chat = controlPlane(server.endpoint, as('123456789012'));
    const { arn } = await chat.createRoom({});
    assert.match(arn, /^arn:aws:ivschat:us-west-2:123456789012:room\/[a-zA-Z0-9]{12}$/);
    assert.deepEqual((await chat.listRooms({})).rooms.map((room) => room.arn), [arn]);

    const other = controlPlane(server.endpoint, as('210987654321'));
    await rejection(other.getRoom({ identifier: arn }), AccessDeniedException, 403);
    chat.destroy();
    other.destroy();
  });

  test('has a room named lobby to chat in', limits, async () => {
    await Stage.run(await nodeEnvironment(), server, async (stage) => {
      stage.control = controlPlane(server.endpoint, as('test'));
      const { rooms } = await stage.control.listRooms({ name: 'lobby' });
      assert.equal(rooms.length, 1);
      const [{ arn }] = rooms;
      const alice = await stage.join(arn, { userId: 'alice' });
      const bob = await stage.join(arn, { userId: 'bob' });
      const sent = assertResolved(await alice.send('hello, lobby'));
      await stage.fence(arn, alice, bob);
      assert.deepEqual(bob.messages, [sent]);
    });
  });
});
