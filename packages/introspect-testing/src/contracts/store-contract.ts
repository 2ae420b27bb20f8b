import assert from 'node:assert/strict';

/** What the contract is about: the same as the core's `CacheStore`. */
export interface StoreUnderTest {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  onInvalidate?(listener: (key: string) => void): () => void;
  lease?(key: string, ttlMs: number): Promise<boolean>;
  close?(): Promise<void>;
}

export interface StoreContractSetup<Store = StoreUnderTest> {
  readonly store: Store;
  /** A second store on the same data, as another process has it. */
  readonly other: Store;
  /** Lets time pass for the data: sets a virtual clock on, or brings the end of all entries nearer. It may be weeks. */
  elapse(ms: number): void | Promise<void>;
}

export interface StoreContractCase {
  name: string;
  /** Rejects, saying what was expected, where a store does otherwise. Wants a setup of its own, without data. */
  check(setup: StoreContractSetup): Promise<void>;
}

type Leasing = StoreUnderTest & Required<Pick<StoreUnderTest, 'lease'>>;
type Telling = StoreUnderTest & Required<Pick<StoreUnderTest, 'onInvalidate'>>;
type Cases<Store> = Readonly<Record<string, (setup: StoreContractSetup<Store>) => Promise<void>>>;

const minute = 60_000;
const maxTtlMs = 2 ** 31 - 1;
const heardWithinMs = 5000;
// As long as the keys that a store is given, and of their characters.
const key = 'aB3-_x'.padEnd(43, 'k');
const otherKey = 'aB3-_y'.padEnd(43, 'k');
const keys = [key, otherKey, key.toLowerCase(), `tombstone.${key}`, `tombstone.${otherKey}`];

const values: Readonly<Record<string, string>> = {
  'an answer': '1750000000000 {"active":true,"sub":"mickey","exp":1750000600}',
  'all kinds of letters': 'é ß \u4f60\u597d \u{1f511} \u202e \u0000 "\\"',
  'several lines': '\r\n one\n\ntwo \r',
  'digits, as they are': '007.50',
  '300 kB': '0123456789'.repeat(30_000),
  nothing: '',
};

const basicCases: Cases<StoreUnderTest> = {
  ...Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      `gives back a value: ${name}`,
      async ({ store }: StoreContractSetup) => {
        assert.equal(await store.set(key, value, minute), undefined);
        assert.equal(await store.get(key), value);
      },
    ]),
  ),
  'gives undefined for a key that it does not know': async ({ store }) => {
    assert.equal(await store.get(key), undefined);
  },
  'puts a value in place of an older one': async ({ store }) => {
    await store.set(key, 'a longer one', minute);
    await store.set(key, 'new', minute);
    assert.equal(await store.get(key), 'new');
  },
  'keeps a value for its time, and no longer': async ({ store, elapse }) => {
    for (const ttlMs of [minute, maxTtlMs]) {
      await store.set(key, 'kept', ttlMs);
      const halfMs = Math.ceil(ttlMs / 2);
      await elapse(halfMs);
      assert.equal(await store.get(key), 'kept', `half of ${ttlMs} ms have passed`);
      await elapse(halfMs);
      assert.equal(await store.get(key), undefined, `${ttlMs} ms have passed`);
    }
  },
  'takes a time of one millisecond': async ({ store, elapse }) => {
    await store.set(key, 'kept', 1);
    await elapse(1);
    assert.equal(await store.get(key), undefined);
  },
  'keeps a value for its own time, when the one before it had less': async ({ store, elapse }) => {
    await store.set(key, 'old', minute);
    await store.set(key, 'new', 10 * minute);
    await elapse(2 * minute);
    assert.equal(await store.get(key), 'new');
  },
  'keeps a value for its own time, when the one before it had more': async ({ store, elapse }) => {
    await store.set(key, 'old', 10 * minute);
    await store.set(key, 'new', minute);
    await elapse(2 * minute);
    assert.equal(await store.get(key), undefined);
  },
  'does not keep a value for longer because it is read': async ({ store, elapse }) => {
    await store.set(key, 'kept', 3 * minute);
    await elapse(2 * minute);
    await store.get(key);
    await elapse(2 * minute);
    assert.equal(await store.get(key), undefined);
  },
  'deletes a value': async ({ store }) => {
    await store.set(key, 'kept', minute);
    assert.equal(await store.delete(key), undefined);
    assert.equal(await store.get(key), undefined);
  },
  'takes a value after it was deleted': async ({ store }) => {
    await store.set(key, 'old', minute);
    await store.delete(key);
    await store.set(key, 'new', minute);
    assert.equal(await store.get(key), 'new');
  },
  'deletes a key that it does not know': async ({ store }) => {
    assert.equal(await store.delete(key), undefined);
  },
  'keeps the values of its keys apart': async ({ store }) => {
    for (const each of keys) await store.set(each, `of ${each}`, minute);
    for (const each of keys) assert.equal(await store.get(each), `of ${each}`);
    await store.delete(key);
    for (const each of keys) assert.equal(await store.get(each), each === key ? undefined : `of ${each}`);
  },
  'takes many values at a time': async ({ store, other }) => {
    const many = Array.from({ length: 100 }, (_, index) => `${otherKey}${index}`);
    await Promise.all(many.map((each, index) => (index % 2 ? store : other).set(each, `of ${each}`, minute)));
    const read = await Promise.all(many.map((each) => store.get(each)));
    assert.deepEqual(
      read,
      many.map((each) => `of ${each}`),
    );
  },
  'takes one of the values that are set for a key at a time, and no mixture': async ({ store, other }) => {
    const written = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000));
    await Promise.all(written.map((value, index) => (index % 2 ? store : other).set(key, value, minute)));
    const read = (await store.get(key)) ?? '';
    assert(written.includes(read), 'the value is none of those that were set');
  },
  'shows another process what it set, replaced and deleted': async ({ store, other }) => {
    await store.set(key, 'old', minute);
    assert.equal(await other.get(key), 'old');
    await other.set(key, 'new', minute);
    assert.equal(await store.get(key), 'new');
    await store.delete(key);
    assert.equal(await other.get(key), undefined);
  },
};

const leaseCases: Cases<Leasing> = {
  'gives a lease to the first who asks, and to nobody else': async ({ store, other }) => {
    assert.equal(await store.lease(key, minute), true);
    assert.equal(await other.lease(key, minute), false);
  },
  'gives a lease to one of many who ask at a time': async ({ store, other }) => {
    const asking = Array.from({ length: 20 }, (_, index) => (index % 2 ? store : other).lease(key, minute));
    assert.equal((await Promise.all(asking)).filter((given) => given).length, 1);
  },
  'gives a lease again after its time': async ({ store, other, elapse }) => {
    await store.lease(key, minute);
    await elapse(minute / 2);
    assert.equal(await other.lease(key, minute), false, 'half of its time has passed');
    await elapse(minute / 2);
    assert.equal(await other.lease(key, minute), true, 'its time has passed');
  },
  'does not lengthen a lease by refusing it': async ({ store, other, elapse }) => {
    await store.lease(key, minute);
    await elapse(minute / 2);
    await other.lease(key, 10 * minute);
    await elapse(minute / 2);
    assert.equal(await other.lease(key, minute), true);
  },
  'gives a lease on each key': async ({ store, other }) => {
    for (const each of keys) assert.equal(await store.lease(each, minute), true);
    for (const each of keys) assert.equal(await other.lease(each, minute), false);
  },
  'makes no value of a lease': async ({ store }) => {
    await store.lease(key, minute);
    assert.equal(await store.get(key), undefined);
  },
  'gives a lease on a key that has a value, and leaves the value alone': async ({ store, elapse }) => {
    await store.set(key, 'kept', 10 * minute);
    assert.equal(await store.lease(key, minute), true);
    assert.equal(await store.get(key), 'kept');
    await elapse(2 * minute);
    assert.equal(await store.get(key), 'kept', 'the lease is over');
  },
  'leaves a lease alone when the value is set or deleted': async ({ store, other }) => {
    await store.lease(key, minute);
    await store.set(key, 'kept', minute);
    assert.equal(await other.lease(key, minute), false, 'the value was set');
    await store.delete(key);
    assert.equal(await other.lease(key, minute), false, 'the value was deleted');
  },
};

const invalidationCases: Cases<Telling> = {
  'tells of a key that another process has set': async ({ store, other }) => {
    await store.get(key);
    assert.equal(await keyHeard(store, () => other.set(key, 'new', minute)), key);
  },
  'tells of a key that another process has set again': async ({ store, other }) => {
    await store.set(key, 'old', minute);
    await store.get(key);
    assert.equal(await keyHeard(store, () => other.set(key, 'new', minute)), key);
  },
  'tells of a key that another process has deleted': async ({ store, other }) => {
    await store.set(key, 'old', minute);
    await store.get(key);
    assert.equal(await keyHeard(store, () => other.delete(key)), key);
  },
  'tells of a key that was never read here': async ({ store, other }) => {
    assert.equal(
      await keyHeard(store, () => other.set(`tombstone.${key}`, '1750000000000', minute)),
      `tombstone.${key}`,
    );
  },
  'tells a listener no more when it has ended, and the others still': async ({ store, other }) => {
    const heard: string[] = [];
    const end = store.onInvalidate((each) => heard.push(each));
    await keyHeard(store, async () => {
      end();
      await other.set(key, 'new', minute);
    });
    assert.deepEqual(heard, []);
  },
};

/**
 * Every case of the contract for stores that processes share, for a store with these optional functions.
 *
 * Any runner of tests can run them: a case is a name and a function that rejects, and wants a setup of its own.
 * `for (const { name, check } of storeContractCases({ lease: true, onInvalidate: false })) it(name, () => check(setup()))`
 */
export function storeContractCases(has: { lease: boolean; onInvalidate: boolean }): StoreContractCase[] {
  return [
    {
      name: `has ${has.lease ? 'the' : 'no'} function "lease", and ${has.onInvalidate ? 'the' : 'no'} "onInvalidate"`,
      check: async ({ store, other }) => {
        for (const { lease, onInvalidate } of [store, other]) {
          assert.deepEqual({ lease: lease !== undefined, onInvalidate: onInvalidate !== undefined }, has);
        }
      },
    },
    ...Object.entries(basicCases).map(([name, check]) => ({ name, check })),
    ...(has.lease ? casesFor(leaseCases, hasLease) : []),
    ...(has.onInvalidate ? casesFor(invalidationCases, hasOnInvalidate) : []),
  ];
}

function casesFor<Store extends StoreUnderTest>(
  cases: Cases<Store>,
  isFit: (store: StoreUnderTest) => store is Store,
): StoreContractCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    check: async ({ store, other, elapse }) => {
      assert(isFit(store) && isFit(other), 'the store lacks the function');
      await check({ store, other, elapse });
    },
  }));
}

function hasLease(store: StoreUnderTest): store is Leasing {
  return store.lease !== undefined;
}

function hasOnInvalidate(store: StoreUnderTest): store is Telling {
  return store.onInvalidate !== undefined;
}

/** The key that a store calls back with first, while `change` is made elsewhere. */
async function keyHeard(store: Telling, change: () => Promise<void>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let end: (() => void) | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const late = () => reject(new assert.AssertionError({ message: `nothing was heard within ${heardWithinMs} ms` }));
      timer = setTimeout(late, heardWithinMs);
      end = store.onInvalidate(resolve);
      change().catch(reject);
    });
  } finally {
    clearTimeout(timer);
    end?.();
  }
}
