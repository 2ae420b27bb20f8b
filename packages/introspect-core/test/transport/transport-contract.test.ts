import { type FaultServer, startFaultServer } from '@acme/introspect-testing';
import { transportContractCases } from '@acme/introspect-testing/transport-contract';
import { Agent } from 'undici';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { undiciTransport } from '../../src/extensions/undici/undici.js';
import { ofetchTransport } from '../../src/transport/ofetch-transport.js';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.close());

describe.each([
  ['ofetch', ofetchTransport],
  ['undici', undiciTransport()],
  ['undici with a dispatcher', undiciTransport({ dispatcher: new Agent() })],
])('the transport by %s', (_, transport) => {
  it.each(transportContractCases)('$name', ({ run }) => run(transport, server));
});
