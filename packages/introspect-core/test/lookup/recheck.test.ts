import {
  active,
  inactive,
  json,
  reset,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { delay } from '../../src/runtime/delay.js';
import { cachingAuthorizer } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';
import { until } from '../support/event-loop.js';
import { holdResponse } from '../support/held-response.js';
import { mapStore } from '../support/map-store.js';

vi.mock('../../src/runtime/delay.js', { spy: true });

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  server = await startScriptedServer();
  clocks = new Clocks();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await server.close();
});

/** For how long each wait before a further question is. */
const waits = () => vi.mocked(delay).mock.calls.map(([ms]) => ms);

/** Goes on when the wait of this number, counted from 1, has begun. */
async function waited(number = 1): Promise<number> {
  await until(() => waits().length >= number);
  return waits()[number - 1] ?? Number.NaN;
}

/** Ends it. */
async function endWait(number = 1): Promise<void> {
  const ms = Math.ceil(await waited(number));
  clocks.monotonicMs += ms;
  clocks.wallMs += ms;
  vi.advanceTimersByTime(ms);
}

const always = { maxResponseAgeSeconds: 0 };

/** A token that is known as active, about which the server then gives these answers, and after them that it is inactive. */
async function known(
  answers: ScriptedResponse[],
  { claims = {}, ...options }: { claims?: Record<string, unknown>; cache?: object; timeoutMs?: number } = {},
) {
  server.next(active(claims), ...answers);
  server.always(inactive());
  const cached = cachingAuthorizer(server, clocks, options);
  expect(await cached.authorize()).toBe('ok');
  return cached;
}

beforeEach(() => void vi.mocked(delay).mockClear());

describe('a token known as active that is called inactive', () => {
  it('is asked about once more, and then active: one further question for each revocation', async () => {
    const { authorize, events } = await known([]);
    clocks.pass(1);
    const asked = authorize('t', always);
    await endWait();
    expect(await asked).toBe('inactive');
    expect(server.introspections).toHaveLength(3);
    expect(events.at(-1)).toEqual({ type: 'rechecked', active: false });
    expect(await authorize()).toBe('inactive');
    clocks.pass(2.9);
    expect(await authorize()).toBe('inactive');
    expect(server.introspections).toHaveLength(3);
    clocks.pass(0.1);
    expect(await authorize()).toBe('inactive');
    expect(server.introspections).toHaveLength(4);
    expect(waits()).toHaveLength(1);
  });

  it('stays active when that was a blip', async () => {
    const { authorize, events } = await known([inactive(), active({ sub: 'still' })]);
    const asked = authorize('t', always);
    await endWait();
    expect(await asked).toBe('ok');
    expect(events.at(-1)).toEqual({ type: 'rechecked', active: true });
    expect(await authorize()).toBe('ok');
    expect(server.introspections).toHaveLength(3);
  });

  it('is not served meanwhile: others wait, and hear what becomes of it', async () => {
    const { held, release } = holdResponse(inactive());
    const { authorize, count } = await known([inactive(), held]);
    const asked = authorize('t', always);
    await waited();
    const settled = vi.fn();
    const others = [authorize(), authorize('t', { maxResponseAgeSeconds: 30 })];
    for (const each of others) each.then(settled);
    await until(() => count('coalesced') === 2);
    expect(settled).not.toHaveBeenCalled();
    await endWait();
    await server.introspection(3);
    others.push(authorize());
    await until(() => count('coalesced') === 3);
    expect(settled).not.toHaveBeenCalled();
    release();
    expect(await Promise.all([asked, ...others])).toEqual(Array(4).fill('inactive'));
    expect(server.introspections).toHaveLength(3);
  });

  it('is doubted also where a renewal in the background hears of it', async () => {
    const { authorize, settle, count, events } = await known([inactive(), inactive()], {
      cache: { refreshAfterSeconds: 10 },
    });
    clocks.pass(10);
    expect(await authorize()).toBe('ok');
    await waited();
    const waiting = authorize();
    await until(() => count('coalesced') === 1);
    await endWait();
    expect(await waiting).toBe('inactive');
    await settle();
    expect(events.slice(-2)).toEqual([
      { type: 'rechecked', active: false },
      { type: 'refreshed', active: false },
    ]);
  });

  it.each<[string, ScriptedResponse, string]>([
    ['cannot be asked about', reset(), 'unavailable'],
    ['is answered with garbage', json({ active: 'no' }), 'invalid_response'],
  ])('is neither served nor refused when it %s', async (_, fault, code) => {
    const { authorize, count } = await known([inactive(), fault, fault], { cache: { maxAgeIfErrorSeconds: 300 } });
    const asked = authorize('t', always);
    await endWait();
    expect(await asked).toBe(code);
    expect(count('rechecked')).toBe(0);
    expect(await authorize()).toBe(code);
    expect(count('stale_served')).toBe(0);
    expect(server.introspections).toHaveLength(4);
  });

  it('is still doubted when it could not be asked about', async () => {
    const { authorize } = await known([inactive(), reset(), inactive(), active()]);
    const asked = authorize('t', always);
    await endWait();
    expect(await asked).toBe('unavailable');
    const again = authorize();
    await endWait(2);
    expect(await again).toBe('ok');
    expect(server.introspections).toHaveLength(5);
  });

  it('is left by one who does not want to wait, and not served afterwards', async () => {
    const { authorize, authorizer } = await known([inactive(), active({ sub: 'again' })]);
    const controller = new AbortController();
    const leaves = authorizer.authorize({ authorization: 'Bearer t', signal: controller.signal }, always);
    await waited();
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(await authorize()).toBe('ok');
    expect(server.introspections).toHaveLength(3);
  });

  it('is gone from the store at once, before it is asked about once more', async () => {
    const store = mapStore(clocks);
    const { authorize, settle } = await known([inactive(), active()], { cache: { store } });
    await settle();
    expect(store.entries.size).toBe(1);
    const asked = authorize('t', always);
    await waited();
    await settle();
    expect(store.entries.size).toBe(0);
    await endWait();
    expect(await asked).toBe('ok');
    await settle();
    expect(store.entries.size).toBe(1);
  });

  it('is not served from the store meanwhile either, if that cannot let go of it', async () => {
    const store = { ...mapStore(clocks), delete: () => new Promise<void>(() => {}) };
    const { authorize, count } = await known([], { cache: { store } });
    const asked = authorize('t', always);
    await waited();
    const other = authorize();
    await until(() => count('coalesced') === 1);
    await endWait();
    expect(await Promise.all([asked, other])).toEqual(['inactive', 'inactive']);
  });
});

describe('the wait before the further question', () => {
  it.each([
    [0, undefined, 1000],
    [0.5, undefined, 1125],
    [1, undefined, 1250],
    [0, 2000, 1000],
    [0, 1999, 999.5],
    [1, 1000, 500],
    [1, 10, 5],
  ])('is, by chance (%d) and with %s ms for all, %d ms', async (chance, timeoutMs, ms) => {
    const { authorize } = await known([], timeoutMs === undefined ? {} : { timeoutMs });
    vi.spyOn(Math, 'random').mockReturnValue(chance);
    const asked = authorize('t', always);
    expect(await waited()).toBe(ms);
    await endWait();
    expect(await asked).toBe('inactive');
  });

  it('is half of what the deadline leaves, where the first question took long', async () => {
    const { held, release } = holdResponse(inactive());
    const { authorize } = await known([held]);
    const asked = authorize('t', always);
    await server.introspection(2);
    clocks.pass(4);
    release();
    expect(await waited()).toBe(500);
    await endWait();
    expect(await asked).toBe('inactive');
  });

  it('ends with the deadline over the whole, and nothing is active then', async () => {
    const { held } = holdResponse(inactive());
    const { authorize } = await known([inactive(), held], { timeoutMs: 2000 });
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const asked = authorize('t', always);
    await endWait();
    await server.introspection(3);
    vi.advanceTimersByTime(1000);
    expect(await asked).toBe('unavailable');
  });
});

describe('an inactive answer is active at once', () => {
  it.each<[what: string, options: object, happen: (cached: Awaited<ReturnType<typeof known>>) => unknown]>([
    ['over a minute after the token was known as active', {}, () => clocks.pass(60)],
    ['past the exp of what is known', { claims: { exp: 1_750_000_010 } }, () => clocks.pass(10)],
    ['where the token was forgotten', {}, ({ authorizer }) => authorizer.invalidate({ token: 't' })],
    [
      'where its subject was forgotten',
      { claims: { sub: 's' } },
      ({ authorizer }) => authorizer.invalidate({ sub: 's' }),
    ],
    ['where all was forgotten', {}, ({ authorizer }) => authorizer.invalidate({ all: true })],
  ])('%s', async (_, options, happen) => {
    const cached = await known([], options);
    await happen(cached);
    expect(await cached.authorize('t', always)).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
    expect(waits()).toEqual([]);
    expect(cached.count('rechecked')).toBe(0);
  });

  it('where the token was never known', async () => {
    const { authorize } = cachingAuthorizer(server, clocks);
    expect(await authorize()).toBe('inactive');
    expect(await authorize('t', always)).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
    expect(waits()).toEqual([]);
  });

  it('within the minute it is not, though the answer is kept for less', async () => {
    const { authorize } = await known([], { cache: { maxAgeSeconds: 1 } });
    clocks.pass(59.999);
    const asked = authorize();
    await endWait();
    expect(await asked).toBe('inactive');
    expect(server.introspections).toHaveLength(3);
  });

  it('past the minute it is not, where the answer is kept for more', async () => {
    const { authorize } = await known([], { cache: { maxAgeSeconds: 300 } });
    clocks.pass(299);
    const asked = authorize('t', always);
    await endWait();
    expect(await asked).toBe('inactive');
    expect(server.introspections).toHaveLength(3);
  });
});
