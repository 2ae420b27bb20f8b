import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ContractApi, ContractServer } from '@acme/introspect-testing';
import { createAdaptorServer } from '@hono/node-server';
import { contractApp } from './hono-app.js';

/** The contract's API in Hono, on Node. */
export async function startHonoApi(server: ContractServer): Promise<ContractApi> {
  const { app, handled, hold } = contractApp(server);
  const http = createAdaptorServer({ fetch: app.fetch });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    handled,
    hold,
    close: async () => {
      const closed = once(http, 'close');
      http.close();
      if ('closeAllConnections' in http) http.closeAllConnections();
      await closed;
    },
  };
}
