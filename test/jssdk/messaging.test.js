import { after, before, describe, test } from 'node:test';
import { environments } from './lib/environment.js';
import { Server } from './lib/server.js';
import { Stage } from './lib/stage.js';
import { chatScenarios } from './scenarios-chat.js';
import { aloneScenarios } from './scenarios-lifetime.js';

for (const { name, start, skip } of environments) {
  describe(`messaging in ${name}`, { skip }, () => {
    let server;
    let environment;

    before(async () => {
      server = await Server.serve();
      environment = await start();
    });

    after(async () => {
      await environment?.stop();
      await server?.stop();
    });

    for (const [title, scenario] of Object.entries(chatScenarios)) {
      test(title, { timeout: 60_000 }, () => Stage.run(environment, server, scenario));
    }
    for (const [title, scenario] of Object.entries(aloneScenarios)) {
      test(title, { timeout: 60_000 }, () => scenario(environment));
    }
  });
}
