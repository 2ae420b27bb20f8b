import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreCalls } from '../../src/cache/store-calls.js';
import { plainCodec } from '../../src/cache/store-codec.js';
import { StoredTombstones, versionOf } from '../../src/cache/stored-tombstones.js';
import { Clocks } from '../support/clocks.js';
import { eventLoopTurns } from '../support/event-loop.js';
import { mapStore } from '../support/map-store.js';

const ttlMs = 600_000;
const key = 'tombstone.sub:s';

let clocks: Clocks;
let store: ReturnType<typeof mapStore>;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  clocks = new Clocks();
  store = mapStore(clocks);
});
afterEach(() => void vi.useRealTimers());

/** The tombstones as one process sees them. */
function processOf(members: Partial<typeof store> = {}) {
  const calls = new StoreCalls(clocks.monotonicNow, () => {});
  const tombstones = new StoredTombstones(
    { ...store, ...members },
    plainCodec((text) => text),
    calls,
    clocks.now,
  );
  return {
    latest: () => tombstones.latest(['sub:s']),
    version: async () => versionOf(await Promise.all((await tombstones.versionKeys()).map((each) => store.get(each)))),
    add: () => tombstones.add('sub:s', { createdAt: clocks.wallMs, ttlMs }),
  };
}

describe('two invalidations at once', () => {
  it('a write that the store executes after its time limit does not replace a newer tombstone', async () => {
    const gate = Promise.withResolvers<void>();
    const set: typeof store.set = vi.fn(async (...entry: Parameters<typeof store.set>) => {
      await gate.promise;
      await store.set(...entry);
    });
    const [late, other] = [processOf({ set }), processOf()];
    const rejected = expect(late.add()).rejects.toMatchObject({ code: 'unavailable' });
    await eventLoopTurns();
    vi.advanceTimersByTime(250);
    await rejected;
    clocks.pass(8);
    await other.add();
    const newer = clocks.wallMs;
    expect(await other.latest()).toBe(newer);
    gate.resolve();
    await eventLoopTurns(3);
    expect(await other.latest()).toBeGreaterThanOrEqual(newer);
  });

  it('have two versions, of which the last one stays', async () => {
    const [one, other] = [processOf(), processOf()];
    expect(await one.version()).toBe('');
    const versions = new Set<string | undefined>();
    for (const each of [one, other, one]) {
      await each.add();
      versions.add(await other.version());
    }
    expect(versions.size).toBe(3);
  });
});

describe('a tombstone', () => {
  it('is in the store before its version', async () => {
    await processOf().add();
    expect(store.set.mock.calls.map(([each]) => each)).toEqual([key, 'tombstone.version:']);
  });

  it('without a version rejects, so that the caller knows that other processes may not see it', async () => {
    const set: typeof store.set = vi.fn(async (each, ...rest) => {
      if (each !== key) throw new Error('down');
      await store.set(each, ...rest);
    });
    await expect(processOf({ set }).add()).rejects.toMatchObject({ code: 'unavailable' });
  });
});

it.each([
  [[undefined], ''],
  [[undefined, 'a'], 'a'],
  [['a', 'b'], 'a,b'],
  [[''], undefined],
  [['a', 'b c'], undefined],
  [['?'], undefined],
])('the version of %j is %j', (values, version) => {
  expect(versionOf(values)).toBe(version);
});
