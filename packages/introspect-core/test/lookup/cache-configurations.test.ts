import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { holdResponse } from '../support/held-response.js';
import { mapStore } from '../support/map-store.js';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(() => server.close());

type Configure = (server: ScriptedServer) => object;
const plain: Configure = () => ({});
const differences: [what: string, one: Configure, other: Configure][] = [
  ['issuer', ({ origin }) => ({ issuer: origin }), ({ origin }) => ({ issuer: `${origin}/tenant` })],
  [
    'endpoint',
    ({ introspectionEndpoint }) => ({ introspectionEndpoint }),
    ({ introspectionEndpoint }) => ({ introspectionEndpoint: `${introspectionEndpoint}?tenant=b` }),
  ],
  ['endpoint, discovered or configured', ({ origin }) => ({ issuer: origin, introspectionEndpoint: undefined }), plain],
  ['client', plain, () => ({ clientId: 'api2' })],
  ['parameters', () => ({ parameters: { scope: 'a' } }), () => ({ parameters: { scope: 'b' } })],
  ['parameters, set or absent', () => ({ parameters: { scope: 'a' } }), plain],
  ['headers', () => ({ headers: { 'x-tenant': 'a' } }), () => ({ headers: { 'x-tenant': 'b' } })],
  ['a parameter or a header', () => ({ headers: { a: 'b' } }), () => ({ parameters: { a: 'b' } })],
  ['hint', () => ({ tokenTypeHint: 'refresh_token' }), plain],
  ['hint, null or default', () => ({ tokenTypeHint: null }), plain],
];
const bothOrders = differences.flatMap(([what, one, other]): [string, Configure, Configure][] => [
  [what, one, other],
  [`${what}, in the other order`, other, one],
]);

describe('two authorizers that share a store and have different configurations', () => {
  const subjectOf = async (process: ReturnType<typeof cachingAuthorizer>) => {
    const { sub } = await process.authorizer.authorize('Bearer t');
    return sub;
  };

  it.each(bothOrders)(
    'authorizers that differ in the option %s never use each other’s cached responses',
    async (_, one, other) => {
      server.next(active({ sub: 'one' }), active({ sub: 'other' }));
      const store = mapStore(clocks);
      const a = cachingAuthorizer(server, clocks, { ...one(server), cache: { store } });
      const b = cachingAuthorizer(server, clocks, { ...other(server), cache: { store } });
      await a.authorize();
      await a.settle();
      await b.authorize();
      await b.settle();
      const again = [one, other].map((side) =>
        cachingAuthorizer(server, clocks, { ...side(server), cache: { store } }),
      );
      const subjects = [];
      for (const each of [a, b, ...again]) subjects.push(await subjectOf(each));
      expect(subjects).toEqual(['one', 'other', 'one', 'other']);
      expect(server.introspections).toHaveLength(2);
      expect(store.entries.size).toBe(2);
    },
  );

  it.each(bothOrders)(
    'authorizers that differ in the option %s never share a running introspection',
    async (_, one, other) => {
      const { held, release } = holdResponse(active({ sub: 'one' }));
      server.next(held, active({ sub: 'other' }));
      const store = mapStore(clocks);
      const a = cachingAuthorizer(server, clocks, { ...one(server), cache: { store } });
      const b = cachingAuthorizer(server, clocks, { ...other(server), cache: { store } });
      const first = subjectOf(a);
      await server.introspection(1);
      expect(await subjectOf(b)).toBe('other');
      release();
      expect(await first).toBe('one');
      expect(server.introspections).toHaveLength(2);
    },
  );
});

it('authorizers with equal options share cached responses, whatever the order and the case of the names', async () => {
  server.always(active());
  const store = mapStore(clocks);
  const a = cachingAuthorizer(server, clocks, {
    parameters: { a: '1', b: '2' },
    headers: { 'X-A': '1', b: '2' },
    cache: { store },
  });
  const b = cachingAuthorizer(server, clocks, {
    headers: { B: '2', 'x-a': '1' },
    parameters: { b: '2', a: '1' },
    cache: { store },
  });
  await a.authorize();
  await a.settle();
  expect(await b.authorize()).toBe('ok');
  expect(server.introspections).toHaveLength(1);
  expect(b.count('cache_hit')).toBe(1);
});
