import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Authorizer, type CacheStore, type IntrospectEvent } from '../../src/index.js';

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());

function setUp(store?: CacheStore) {
  let nowMs = 1_750_000_000_000;
  const events: IntrospectEvent[] = [];
  server.always(active({ sub: 'mickey' }));
  const authorizer = new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    cache: { maxAgeSeconds: 60, refreshAfterSeconds: 10, ...(store && { store }) },
    now: () => nowMs,
    monotonicNow: () => nowMs,
    onEvent: (event) => void events.push(event),
  });
  const pass = (seconds: number) => {
    nowMs += seconds * 1000;
  };
  return { authorizer, events, pass };
}

it('close: starts no further refresh, and requests are still authorized', async () => {
  const { authorizer, pass } = setUp();
  await authorizer.authorize('Bearer a');
  await authorizer.close();
  pass(30);
  const before = server.introspections.length;
  expect(await authorizer.authorize('Bearer a')).toMatchObject({ sub: 'mickey' });
  expect(await authorizer.authorize('Bearer b')).toMatchObject({ sub: 'mickey' });
  expect(server.introspections.slice(before).map(({ form }) => form.get('token'))).toEqual(['b']);
});

it('close: aborts a refresh that runs', async () => {
  const { authorizer, pass } = setUp();
  await authorizer.authorize('Bearer running');
  pass(30);
  const aborted = Promise.withResolvers<void>();
  server.next((response) => response.once('close', aborted.resolve));
  const before = server.introspections.length;
  await authorizer.authorize('Bearer running');
  await server.introspection(before + 1);
  await authorizer.close();
  await aborted.promise;
});

it('close: stops listening to the store and closes it, once the authorizer is disposed of', async () => {
  const stop = vi.fn();
  const close = vi.fn(async () => {});
  const store: CacheStore = {
    get: async () => undefined,
    set: async () => {},
    delete: async () => {},
    onInvalidate: () => stop,
    close,
  };
  const { authorizer } = setUp(store);
  expect([stop.mock.calls.length, close.mock.calls.length]).toEqual([0, 0]);
  await authorizer[Symbol.asyncDispose]();
  expect([stop.mock.calls.length, close.mock.calls.length]).toEqual([1, 1]);
});

it('close: does not reject if the store fails, and emits that', async () => {
  const store = { get: vi.fn(), set: vi.fn(), delete: vi.fn(), close: () => Promise.reject(new Error('canary')) };
  const { authorizer, events } = setUp(store);
  await authorizer.close();
  expect(events).toContainEqual({ type: 'store_failed', operation: 'close' });
});

it('close: closes the store once, however often it is called', async () => {
  const close = vi.fn(async () => {});
  const { authorizer } = setUp({ get: async () => undefined, set: async () => {}, delete: async () => {}, close });
  await Promise.all([authorizer.close(), authorizer.close()]);
  await authorizer[Symbol.asyncDispose]();
  expect(close).toHaveBeenCalledTimes(1);
});

it.each<[string, () => unknown]>([
  [
    'fails',
    () => () => {
      throw new Error('canary');
    },
  ],
  ['is the promise of a function', async () => () => {}],
])('close: closes the store if the function that ends its calls %s, and emits that', async (_, onInvalidate) => {
  const close = vi.fn(async () => {});
  const store = { get: async () => undefined, set: async () => {}, delete: async () => {}, close, onInvalidate };
  const { authorizer, events } = setUp(store as CacheStore);
  await authorizer.close();
  expect(close).toHaveBeenCalledTimes(1);
  expect(events).toContainEqual({ type: 'store_failed', operation: 'onInvalidate' });
});
