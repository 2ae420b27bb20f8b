import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { active, inactive, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Clocks, caching, held, mapStore, until } from '../support/caching.js';

let server: ScriptedServer;
let clocks: Clocks;
let store: ReturnType<typeof mapStore>;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
  store = mapStore(clocks);
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

/** A process whose wall clock differs from that of the others by so many seconds. */
function processOf(cache: object = {}, ahead = { seconds: 0 }) {
  const now = () => clocks.wallMs + ahead.seconds * 1000;
  return caching(server, clocks, { now, cache: { store, ...cache } });
}

describe('what was forgotten stays so', () => {
  it('in a process that keeps answers for longer than the one that forgot', async () => {
    server.next(active({ sub: 's' }));
    server.always(inactive());
    const patient = processOf({ maxAgeSeconds: 3600 });
    await patient.ask();
    await patient.settle();
    clocks.pass(1);
    await processOf({ maxAgeSeconds: 10 }).authorizer.invalidate({ sub: 's' });
    clocks.pass(600);
    expect(await patient.ask()).toBe('inactive');
    expect(await processOf({ maxAgeSeconds: 3600 }).ask()).toBe('inactive');
  });

  it.each([2, -2])('in processes whose clocks are %i s apart', async (seconds) => {
    server.next(active({ sub: 's' }));
    server.always(inactive());
    const [one, other] = [processOf(), processOf({}, { seconds })];
    await other.ask();
    await other.settle();
    clocks.pass(1);
    await one.authorizer.invalidate({ sub: 's' });
    clocks.pass(6);
    expect(await one.ask()).toBe('inactive');
    expect(await other.ask()).toBe('inactive');
  });

  it('where the clock of the one who asked goes forward before its answer comes', async () => {
    const { waits, release } = held(active({ sub: 's' }));
    server.next(waits);
    server.always(inactive());
    const clock = { seconds: 0 };
    const [one, other] = [processOf(), processOf({}, clock)];
    const asked = other.ask();
    await server.introspection(1);
    clocks.pass(1);
    await one.authorizer.invalidate({ sub: 's' });
    clock.seconds = 20;
    release();
    await asked;
    await other.settle();
    clocks.pass(30);
    expect(await one.ask()).toBe('inactive');
  });

  it('while the server is unreachable, where the clock of the one who knows it went forward', async () => {
    server.next(active({ sub: 's' }));
    server.always(respond({ status: 500 }));
    const clock = { seconds: 0 };
    const [one, other] = [processOf(), processOf({ maxAgeIfErrorSeconds: 600 }, clock)];
    await other.ask();
    await other.settle();
    clocks.pass(1);
    await one.authorizer.invalidate({ sub: 's' });
    clock.seconds = 20;
    clocks.pass(10);
    expect(await other.ask()).toBe('unavailable');
  });
});

describe('a token that others know as active', () => {
  it('is doubted before it is called inactive, also where this process has never asked', async () => {
    server.next(active(), inactive(), active({ still: true }));
    const one = processOf();
    await one.ask();
    await one.settle();
    clocks.pass(1);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const asked = processOf().ask('t', { maxResponseAgeSeconds: 0 });
    await until(
      () => server.introspections.length === 2 && vi.getTimerCount() > 0 && store.delete.mock.calls.length > 0,
    );
    vi.advanceTimersByTime(1250);
    expect(await asked).toBe('ok');
  });

  it('is looked for in the store again by a process that another one renews it for', async () => {
    server.next(active({ version: 1 }), active({ version: 2 }));
    const lease = vi.fn(async () => lease.mock.calls.length === 1);
    const [one, other] = [1, 2].map(() => processOf({ refreshAfterSeconds: 2, store: { ...store, lease } }));
    for (const each of [one, other]) {
      await each?.ask();
      await each?.settle();
    }
    clocks.pass(3);
    for (const each of [one, other]) {
      await each?.ask();
      await each?.settle();
    }
    expect(server.introspections).toHaveLength(2);
    expect(await other?.authorizer.authorize('Bearer t')).toMatchObject({ version: 2 });
  });
});

describe('a store that tells', () => {
  const telling = () => {
    const listeners: ((key: string) => void)[] = [];
    const end = vi.fn();
    const onInvalidate = (listener: (key: string) => void) => {
      listeners.push(listener);
      return end;
    };
    return { listeners, end, store: { ...store, onInvalidate } };
  };

  it.each(['', null, undefined, 5])('of no key, but %j, has everything looked at again', async (key) => {
    server.always(active());
    const { listeners, store: told } = telling();
    const { ask, settle } = processOf({ store: told });
    await ask();
    await settle();
    store.get.mockClear();
    for (const listener of listeners) listener(key as string);
    await ask();
    expect(store.get).toHaveBeenCalled();
  });

  it('keeps no authorizer that nobody uses any more', async () => {
    const { listeners, end, store: told } = telling();
    processOf({ store: told });
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    await vi.waitFor(() => {
      collect();
      for (const listener of listeners) listener('any');
      expect(end).toHaveBeenCalled();
    });
  });
});

it('a request whose waitUntil throws is answered all the same', async () => {
  server.always(active());
  const waitUntil = () => {
    throw new TypeError('Illegal invocation');
  };
  expect(await processOf().ask('t', {}, { waitUntil })).toBe('ok');
});
