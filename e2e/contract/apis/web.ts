import type { ContractApi, ContractServer } from '@acme/introspect-testing';
import { serveFetch } from './serve-fetch.js';
import { webContractApp } from './web-app.js';

/** The contract's API over web-standard requests, on Node. */
export async function startWebApi(server: ContractServer): Promise<ContractApi> {
  return serveFetch(webContractApp(server));
}
