// Viewers with the official messaging SDK, who say what they get: a line of JSON for
// each message, state and answer, until standard input ends.
//   node viewers.js ENDPOINT SOCKET_URL ROOM_ARN VIEWERS
// Each is a user of its own; the first of them sends, a message after the answer to
// the one before.

import process from 'node:process';
import { ChatRoom, SendMessageRequest } from 'amazon-ivs-chat-messaging';
import { Agent } from 'node:http';
import { Ivschat } from '@aws-sdk/client-ivschat';

const [endpoint, socketUrl, roomIdentifier, viewers] = process.argv.slice(2);
const control = new Ivschat({
  endpoint, region: 'us-west-2', maxAttempts: 5, requestHandler: { httpAgent: new Agent({ keepAlive: false }) },
});
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const rooms = Array.from({ length: Number(viewers) }, (_, viewer) => {
  const room = new ChatRoom({
    regionOrUrl: socketUrl,
    // Without tokenExpirationTime the SDK changes connections only when it is told to.
    tokenProvider: async () => {
      const { token, sessionExpirationTime } = await control.createChatToken({
        roomIdentifier, userId: `viewer-${viewer}`, capabilities: ['SEND_MESSAGE'],
      });
      return { token, sessionExpirationTime };
    },
  });
  room.addListener('message', ({ id }) => say({ viewer, id }));
  for (const state of ['connecting', 'connect', 'disconnect']) {
    room.addListener(state, (why) => say({ viewer, state, why: typeof why === 'string' ? why : undefined }));
  }
  room.connect();
  return room;
});

let over = false;
process.stdin.resume();
process.stdin.on('end', () => {
  over = true;
  rooms.forEach((room) => room.disconnect());
  setTimeout(() => process.exit(0), 500);
});

while (!over) {
  try {
    const { id } = await rooms[0].sendMessage(new SendMessageRequest('counted'));
    say({ accepted: id });
  } catch (problem) {
    say({ refused: `${problem?.errorCode ?? problem?.message ?? problem}` });
  }
  await new Promise((resolve) => setTimeout(resolve, 110));
}
