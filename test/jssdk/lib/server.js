// A parley process of the test's own.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

export const account = '000000000000';

export const credentials = {
  accessKeyId: 'AKIDPARLEYJSSDKTEST0',
  secretAccessKey: 'a-secret-for-tests-of-the-javascript-clients',
};

function binary() {
  const file = process.env.PARLEY_BINARY;
  if (!file) {
    throw new Error('PARLEY_BINARY is not set: run ./run.sh, which builds the server');
  }
  return file;
}

const environment = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  PARLEY_ACCESS_KEY_ID: credentials.accessKeyId,
  PARLEY_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  PARLEY_ACCOUNT_ID: account,
};

// A failing test file must not leave servers behind.
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Server {
  #child;
  #log = '';

  // serve starts a verifying server on a data directory of its own.
  static async serve({ args = [] } = {}) {
    const server = new Server();
    server.data = await mkdtemp(path.join(tmpdir(), 'parley-jssdk-'));
    server.args = ['serve', '--data', server.data, '--review-unresolved', 'accept', ...args];
    await server.start();
    return server;
  }

  // dev starts an in-memory server that takes any credentials.
  static async dev() {
    const server = new Server();
    server.args = ['dev'];
    await server.start();
    return server;
  }

  // start may be called again after the process ended, with the data that is there.
  async start(port = 0) {
    const child = spawn(binary(), [...this.args, '--listen', `127.0.0.1:${port}`], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    this.#child = child;
    this.#log = '';
    child.stderr.on('data', (chunk) => {
      this.#log = (this.#log + chunk).slice(-20_000);
    });
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    this.endpoint = await this.#ready(child);
    this.port = Number(new URL(this.endpoint).port);
    this.socketUrl = `ws://127.0.0.1:${this.port}/`;
  }

  #ready(child) {
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`parley ${this.args[0]} ${why}\n${this.#log}`));
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail('printed no ready line within 20 s');
      }, 20_000);
      createInterface(child.stdout).on('line', (line) => {
        const match = /^parley ready (http:\/\/127\.0\.0\.1:\d+)$/.exec(line);
        if (match) {
          clearTimeout(timer);
          resolve(match[1]);
        }
      });
      this.exited.then(({ code, signal }) => {
        clearTimeout(timer);
        fail(`ended before it was ready (code ${code}, signal ${signal})`);
      });
    });
  }

  signal(name) {
    this.#child.kill(name);
  }

  get log() {
    return this.#log;
  }

  async stop() {
    this.signal('SIGKILL');
    await this.exited;
    if (this.data) {
      await rm(this.data, { recursive: true, force: true });
    }
  }
}
