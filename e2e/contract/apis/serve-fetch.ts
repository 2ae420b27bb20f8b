import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ContractApi } from '@acme/introspect-testing';
import { createAdaptorServer } from '@hono/node-server';

/** What an API over web-standard requests has. */
interface FetchApi extends Pick<ContractApi, 'handled' | 'hold'> {
  readonly fetch: Parameters<typeof createAdaptorServer>[0]['fetch'];
}

/** Serves web-standard handlers on a free port of Node. */
export async function serveFetch({ fetch, handled, hold }: FetchApi): Promise<ContractApi> {
  const http = createAdaptorServer({ fetch });
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
