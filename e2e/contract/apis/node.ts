import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ActiveToken, AnyAuthorizer, Policy } from '@acme/introspect-core';
import { type ContractApi, contractRoutes, holdEnd, responseHold } from '@acme/introspect-testing';

type Handler = (request: IncomingMessage, response: ServerResponse, token: ActiveToken | null) => void;

/** The contract's API in plain Node, guarded by the adapter of the documentation. */
export async function startNodeApi({
  requireToken,
  authorizer,
}: {
  requireToken(policy: Policy, handler: Handler): RequestListener;
  authorizer: AnyAuthorizer;
}): Promise<ContractApi> {
  let handled = 0;
  const hold = responseHold();
  const respond: Handler = (_, response, token) => {
    handled++;
    response.end(JSON.stringify({ sub: token?.sub ?? null }));
  };
  const handle: Handler = (request, response, token) => {
    if (request.method !== 'OPTIONS') return respond(request, response, token);
    handled++;
    response.writeHead(204).end();
  };
  const slow = requireToken({}, respond);
  const metadata = authorizer.resourceMetadata();
  const routes = new Map<string, RequestListener>([
    [metadata.path, (_, response) => response.end(JSON.stringify(metadata.document))],
    ['/public', (request, response) => respond(request, response, null)],
    ['/all', requireToken({}, respond)],
    ['/composed', requireToken({}, respond)],
    [
      '/slow',
      (request, response) => {
        holdEnd(response, hold);
        slow(request, response);
      },
    ],
    ...Object.entries<Policy>(contractRoutes).map(([path, policy]): [string, RequestListener] => [
      path,
      requireToken(policy, handle),
    ]),
  ]);
  const http = createServer((request, response) => routes.get(request.url ?? '')?.(request, response));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    handled: () => handled,
    hold,
    close: async () => {
      http.close();
      http.closeAllConnections();
    },
  };
}
