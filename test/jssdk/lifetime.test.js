import { after, before, describe, test } from 'node:test';
import { environments } from './lib/environment.js';
import { Server } from './lib/server.js';
import { lifetimeScenarios, wireScenarios } from './scenarios-lifetime.js';

const limits = { timeout: 110_000 };

// All at once: two of them wait for a session to expire, which takes a minute.
describe('the life of a connection', { concurrency: 8 }, () => {
  let shared;
  const started = new Map();

  before(async () => {
    shared = await Server.serve();
    for (const { name, start, skip } of environments) {
      if (!skip) {
        started.set(name, await start());
      }
    }
  });

  after(async () => {
    for (const environment of started.values()) {
      await environment.stop();
    }
    await shared?.stop();
  });

  for (const [title, scenario] of Object.entries(wireScenarios)) {
    test(title, limits, () => scenario(shared));
  }
  for (const [title, scenario] of Object.entries(lifetimeScenarios).reverse()) {
    for (const { name, skip } of environments) {
      test(`${title}, in ${name}`, { ...limits, skip }, () => scenario(started.get(name), shared));
    }
  }
});
