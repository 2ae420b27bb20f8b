// The authorization server of a fleet: each token has its own response. It counts the introspection requests.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fleetResponse } from '../fleet/canaries.js';
import { serve } from '../worker.js';

const revoked = new Set<number>();
let introspections = 0;
let delayMs = 0;

const server = createServer(async (request, response) => {
  const token = new URLSearchParams(await text(request)).get('token') ?? '';
  introspections++;
  const number = Number(token.slice(0, 10));
  if (delayMs > 0) await delay(delayMs);
  const body = revoked.has(number) ? '{"active":false}' : fleetResponse(number);
  response.writeHead(200, { 'content-type': 'application/json' }).end(body);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  serve({
    endpoint: () => `http://127.0.0.1:${port}/introspect`,
    introspections: () => introspections,
    respondAfter: (ms: number) => {
      delayMs = ms;
    },
    revoke: (number: number) => revoked.add(number).size,
  });
});
