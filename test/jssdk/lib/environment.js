// Where the messaging SDK runs: in this process, or in a page of headless Chromium.
// Both give the same methods: open, connect, disconnect, act (see agent.js) and stop.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAgent } from './agent.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const built = path.join(here, '..', '.build');

const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

// Members by key: the agent knows a member only by its key.
function directory() {
  const members = new Map();
  return {
    add: (member) => members.set(member.key, member),
    token: (key) => members.get(key).nextToken(),
    report: (key, event) => members.get(key).record(event),
  };
}

export async function nodeEnvironment() {
  const members = directory();
  const agent = createAgent(members);
  return {
    name: 'Node',
    open: async (member, url) => {
      members.add(member);
      agent.open(member.key, url);
    },
    connect: async (key) => agent.connect(key),
    disconnect: async (key) => agent.disconnect(key),
    act: (key, actions) => agent.act(key, actions),
    stop: async () => {},
  };
}

async function bundle() {
  const { build } = await import('esbuild');
  const outfile = path.join(built, 'page.js');
  await build({
    entryPoints: [path.join(here, 'page.js')],
    bundle: true, format: 'iife', platform: 'browser', outfile, logLevel: 'warning',
  });
  return readFile(outfile);
}

// The page has an origin of its own, as any site that embeds a chat has.
async function site(script) {
  const server = http.createServer((request, response) => {
    if (request.url === '/page.js') {
      response.setHeader('Content-Type', 'text/javascript');
      response.end(script);
      return;
    }
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><meta charset="utf-8"><title>chat</title><script src="/page.js"></script>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

export async function browserEnvironment(executablePath) {
  const { chromium } = await import('playwright-core');
  const server = await site(await bundle());
  const profile = await mkdtemp(path.join(tmpdir(), 'parley-chromium-'));
  const browser = await chromium.launchPersistentContext(profile, { executablePath, args: flags });
  const members = directory();
  const page = await browser.newPage();
  await page.exposeFunction('parleyToken', members.token);
  await page.exposeFunction('parleyReport', members.report);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return {
    name: 'Chromium',
    open: (member, url) => {
      members.add(member);
      return page.evaluate(([key, to]) => globalThis.agent.open(key, to), [member.key, url]);
    },
    connect: (key) => page.evaluate((k) => globalThis.agent.connect(k), key),
    disconnect: (key) => page.evaluate((k) => globalThis.agent.disconnect(k), key),
    act: (key, actions) => page.evaluate(([k, a]) => globalThis.agent.act(k, a), [key, actions]),
    stop: async () => {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(profile, { recursive: true, force: true });
    },
  };
}

// In CI a missing Chromium is a failure, not a skip.
const chromiumOptional = process.env.CI !== 'true' && !process.env.PARLEY_CHROMIUM;

// Environments to run a scenario in.
export const environments = [
  { name: 'Node', start: nodeEnvironment },
  {
    name: 'Chromium',
    start: () => browserEnvironment(process.env.PARLEY_CHROMIUM),
    skip: chromiumOptional && 'no Chromium: run ./run.sh, or set PARLEY_CHROMIUM to its path',
  },
];
