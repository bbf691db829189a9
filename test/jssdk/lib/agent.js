// The messaging SDK behind a surface that carries only plain data, so that the same
// scenario can drive it in this process or in a browser page. Nothing here knows which.

import {
  ChatRoom,
  DeleteMessageRequest,
  DisconnectUserRequest,
  SendMessageRequest,
} from 'amazon-ivs-chat-messaging';

const build = {
  send: ({ content, attributes }) => new SendMessageRequest(content, attributes),
  delete: ({ id, reason }) => new DeleteMessageRequest(id, reason),
  disconnect: ({ userId, reason }) => new DisconnectUserRequest(userId, reason),
};

const submit = {
  send: (room, request) => room.sendMessage(request),
  delete: (room, request) => room.deleteMessage(request),
  disconnect: (room, request) => room.disconnectUser(request),
};

// toISOString throws unless the SDK really decoded a date.
const plain = (entity) => ({ ...entity, sendTime: entity.sendTime.toISOString() });

async function settle(room, action) {
  const request = build[action.kind](action);
  try {
    return { requestId: request.requestId, value: plain(await submit[action.kind](room, request)) };
  } catch (error) {
    if (error instanceof Error) {
      return { requestId: request.requestId, thrown: error.message };
    }
    return { requestId: request.requestId, error: { ...error } };
  }
}

// createAgent drives any number of rooms by key. token(key) fetches a chat token,
// report(key, event) hands over what a room emits; seq tells the order of emission.
export function createAgent({ token, report }) {
  const rooms = new Map();

  return {
    open(key, url) {
      let seq = 0;
      const tell = (type, data) => report(key, { seq: seq++, type, data });
      const room = new ChatRoom({ regionOrUrl: url, tokenProvider: () => token(key) });
      room.logLevel = 'error';
      room.logger = {
        debug() {},
        info() {},
        error: (message) => tell('complaint', message),
      };
      room.addListener('connecting', () => tell('connecting'));
      room.addListener('connect', () => tell('connect'));
      room.addListener('disconnect', (reason) => tell('disconnect', reason));
      for (const type of ['message', 'event', 'messageDelete', 'userDisconnect']) {
        room.addListener(type, (entity) => tell(type, plain(entity)));
      }
      rooms.set(key, room);
    },
    connect: (key) => rooms.get(key).connect(),
    disconnect: (key) => rooms.get(key).disconnect(),
    // All actions are submitted before any answer is awaited.
    act: (key, actions) => Promise.all(actions.map((action) => settle(rooms.get(key), action))),
  };
}
