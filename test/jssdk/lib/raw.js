// A bare WebSocket session, for what the SDK hides: frames as sent, and how it ends.

import { Signal } from './signal.js';

export class RawSession {
  frames = [];
  closed = null;
  changed = new Signal();

  static async open(url, token) {
    const session = new RawSession();
    session.socket = new WebSocket(url, token);
    session.socket.addEventListener('message', ({ data }) => {
      session.frames.push(JSON.parse(data));
      session.changed.fire();
    });
    session.socket.addEventListener('close', ({ code, wasClean }) => {
      session.closed = { code, wasClean, at: Date.now() };
      session.changed.fire();
    });
    await new Promise((resolve, reject) => {
      session.socket.addEventListener('open', resolve);
      session.socket.addEventListener('error', () => reject(new Error('handshake refused')));
    });
    return session;
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  until(check, what, milliseconds) {
    const saw = () => `${what}; saw ${JSON.stringify(this.frames)}, closed ${JSON.stringify(this.closed)}`;
    return this.changed.until(() => check(this), saw, milliseconds);
  }
}
