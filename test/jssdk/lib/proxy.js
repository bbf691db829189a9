// A TCP proxy that can fail the way networks and load balancers do.

import net from 'node:net';
import { Signal } from './signal.js';

export class Proxy {
  #server = net.createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  #pairs = new Set();
  #held = null;

  changed = new Signal();

  static async to(port) {
    const proxy = new Proxy();
    proxy.target = port;
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    proxy.port = proxy.#server.address().port;
    proxy.endpoint = `http://127.0.0.1:${proxy.port}`;
    proxy.socketUrl = `ws://127.0.0.1:${proxy.port}/`;
    return proxy;
  }

  // Connections that are open on both sides.
  get open() {
    return this.#pairs.size;
  }

  #accept(client) {
    client.on('error', () => {});
    if (this.#held) {
      this.#held.push(client);
      return;
    }
    this.#join(client);
  }

  #join(client) {
    const server = net.connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true });
    const pair = { client, server };
    this.#pairs.add(pair);
    const end = () => {
      client.destroy();
      server.destroy();
      this.#pairs.delete(pair);
      this.changed.fire();
    };
    server.on('error', end).on('close', end);
    client.on('error', end).on('close', end);
    client.pipe(server);
    server.pipe(client);
  }

  // hold keeps new connections waiting and leaves the open ones alone.
  hold() {
    this.#held = [];
  }

  // release lets those that waited through, to the port given.
  release(port = this.target) {
    this.target = port;
    const waited = this.#held ?? [];
    this.#held = null;
    waited.filter((client) => !client.destroyed).forEach((client) => this.#join(client));
  }

  // cut ends what is open without a word, by FIN or by RST.
  cut(how) {
    const pairs = [...this.#pairs];
    for (const { client } of pairs) {
      if (how === 'RST') {
        client.resetAndDestroy();
      } else {
        client.destroy();
      }
    }
    return pairs.length;
  }

  async stop() {
    this.release();
    this.cut('RST');
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
