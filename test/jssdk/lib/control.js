// The control-plane SDK pointed at a server, as README tells users to point it.

import { Agent } from 'node:http';
import { Ivschat } from '@aws-sdk/client-ivschat';
import { credentials } from './server.js';

export function controlPlane(endpoint, overrides = {}) {
  return new Ivschat({ endpoint, region: 'us-west-2', credentials, ...overrides });
}

// A client that opens a connection for every call: one that is kept alive across the
// death of a server would fail for reasons that are not the server's.
export function freshConnections(endpoint) {
  return controlPlane(endpoint, { requestHandler: { httpAgent: new Agent({ keepAlive: false }) } });
}
