// Entry point of the bundle that the browser page loads. The two functions it calls are
// bindings that lib/environment.js puts into the page.

import { createAgent } from './agent.js';

globalThis.agent = createAgent({
  token: (key) => globalThis.parleyToken(key),
  report: (key, event) => void globalThis.parleyReport(key, event),
});
