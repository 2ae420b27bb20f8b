import type { ContractApi, ContractServer } from '@acme/introspect-testing';
import { contractApp } from './hono-app.js';
import { serveFetch } from './serve-fetch.js';

/** The contract's API in Hono, on Node. */
export async function startHonoApi(server: ContractServer): Promise<ContractApi> {
  const { app, handled, hold } = contractApp(server);
  return serveFetch({ fetch: app.fetch, handled, hold });
}
