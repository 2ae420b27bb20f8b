import { Authorizer, type CacheStore } from '@acme/introspect-core';
import { assert, assertEqual } from './assert.js';
import { patient, tokenFor } from './client-cases.js';
import type { RuntimeCase } from './runtime-case.js';

/** Returns the key of a response in a shared store. It must be the same on all runtimes. */
async function keyInStore(): Promise<string> {
  const keys: string[] = [];
  const store: CacheStore = {
    get: async () => undefined,
    set: async (key) => void keys.push(key),
    delete: async () => {},
  };
  const authorizer = new Authorizer({
    issuer: 'https://issuer.example',
    introspectionEndpoint: 'https://issuer.example/introspect',
    clientId: 'äpi',
    clientSecret: 'secret',
    parameters: { scope: 'b', audience: 'a' },
    transport: async () => ({ status: 200, header: () => 'application/json', body: '{"active":true}' }),
    cache: { maxAgeSeconds: 60, store },
  });
  await authorizer.authorize({ authorization: 'Bearer key-of-this', waitUntil: () => {} });
  return keys.join();
}

const keyEverywhere = '69eBqeDdujiNnZO8eH9wfWxXPhxjHKyd1ePRhJLKl58';

/** Gives Node's modules without an import, or is undefined on a runtime without them. */
const { process } = globalThis as { process?: Partial<NodeJS.Process> };

/** Runs some work as on a runtime without Node's modules. */
async function withoutBuiltinModules<Result>(work: () => Promise<Result>): Promise<Result> {
  const { getBuiltinModule } = process ?? {};
  if (process === undefined || getBuiltinModule === undefined) return work();
  Object.assign(process, { getBuiltinModule: undefined });
  try {
    return await work();
  } finally {
    Object.assign(process, { getBuiltinModule });
  }
}

export const platformCases: readonly RuntimeCase[] = [
  {
    name: 'a response has the same key in a store as on every other runtime',
    run: async () => assertEqual(await keyInStore(), keyEverywhere),
  },
  {
    name: 'a response has that key without the modules of Node, too',
    run: async () => assertEqual(await withoutBuiltinModules(keyInStore), keyEverywhere),
  },
  {
    name: 'the diagnostics channel gets the events, if the runtime has one',
    async run({ origin }) {
      const diagnostics = process?.getBuiltinModule?.('node:diagnostics_channel');
      const emitted: unknown[] = [];
      const listen = (event: unknown) => void emitted.push(Object(event).type);
      diagnostics?.subscribe('@acme/introspect-core', listen);
      const authorizer = new Authorizer({ issuer: origin, clientId: 'api', clientSecret: 'secret', ...patient });
      await authorizer.authorize(`Bearer ${tokenFor('echo')}`);
      diagnostics?.unsubscribe('@acme/introspect-core', listen);
      assert(diagnostics === undefined || emitted.includes('introspected'), 'the channel got the event');
    },
  },
];
