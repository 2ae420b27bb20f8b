import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { adapterOptions, nodeRequestContext, protect, sendDenial } from '../../src/adapter/index.js';
import { listen } from '../support/network.js';

it('sendDenial sends the status, the header fields and the body of the denial, as JSON', async () => {
  const { source } = adapterOptions('introspect', {
    introspectionEndpoint: 'https://issuer.example/introspect',
    clientId: 'api',
    clientSecret: 'secret',
  });
  const decide = protect(source);
  const server = createServer(async (request, response) => {
    response.setHeader('Cache-Control', 'max-age=60');
    const decision = await decide(nodeRequestContext(request, response, request));
    if (decision.allowed) response.end();
    else sendDenial(response, decision);
  });
  const port = await listen(server);
  const response = await fetch(`http://127.0.0.1:${port}`, { headers: { authorization: 'Bearer a b' } });
  expect(response.status).toBe(400);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'cache-control': 'no-store',
    'content-type': 'application/json',
    'www-authenticate': expect.stringMatching(/^Bearer error="invalid_request"/),
  });
  expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});
