import { type FaultServer, startFaultServer, startScriptedServer } from '@acme/introspect-testing';
import { transportContractCases } from '@acme/introspect-testing/transport-contract';
import { Agent } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

describe('ofetchTransport', () => {
  const body = JSON.stringify({ active: true });
  it.each<[string, number, Record<string, string>, boolean]>([
    ['of the maximum length in one call', body.length, {}, true],
    ['that is longer as a stream', body.length - 1, {}, false],
    ['of unknown length as a stream', 1000, { 'transfer-encoding': 'chunked' }, false],
    ['that may be compressed as a stream', 1000, { 'content-encoding': 'identity' }, false],
  ])('reads a body %s', async (_, maxResponseBytes, headers, isOneCall) => {
    const scripted = await startScriptedServer();
    const readBuffer = vi.spyOn(Response.prototype, 'arrayBuffer');
    scripted.always((response) => {
      response.writeHead(200, headers['transfer-encoding'] ? headers : { ...headers, 'content-length': body.length });
      response.end(body);
    });
    const { signal } = new AbortController();
    const request = { url: scripted.introspectionEndpoint, method: 'POST', headers: {}, body: '', signal } as const;
    const reading = ofetchTransport({ ...request, maxResponseBytes });
    if (maxResponseBytes < body.length) await expect(reading).rejects.toThrow('responded with a body that is');
    else expect(await reading).toMatchObject({ status: 200, body });
    expect(readBuffer.mock.calls.length > 0).toBe(isOneCall);
    readBuffer.mockRestore();
    await scripted.close();
  });
});
