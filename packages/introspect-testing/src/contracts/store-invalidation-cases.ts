import assert from 'node:assert/strict';
import type { ReportingStore, StoreCases } from './store-cases.js';
import { key, minute } from './store-keys.js';

const reportedWithinMs = 5000;

/** The cases for `onInvalidate`, by their names. */
export const invalidationCases: StoreCases<ReportingStore> = {
  'reports a key that another process has set': async ({ store, other }) => {
    await store.get(key);
    assert.equal(await reportedKey(store, () => other.set(key, 'new', minute)), key);
  },
  'reports a key that another process has set again': async ({ store, other }) => {
    await store.set(key, 'old', minute);
    await store.get(key);
    assert.equal(await reportedKey(store, () => other.set(key, 'new', minute)), key);
  },
  'reports a key that another process has deleted': async ({ store, other }) => {
    await store.set(key, 'old', minute);
    await store.get(key);
    assert.equal(await reportedKey(store, () => other.delete(key)), key);
  },
  'reports a key that this process has never read': async ({ store, other }) => {
    assert.equal(
      await reportedKey(store, () => other.set(`tombstone.${key}`, '1750000000000', minute)),
      `tombstone.${key}`,
    );
  },
  'reports nothing to a listener that was removed, and still reports to the others': async ({ store, other }) => {
    const reported: string[] = [];
    const end = store.onInvalidate((each) => reported.push(each));
    await reportedKey(store, async () => {
      end();
      await other.set(key, 'new', minute);
    });
    assert.deepEqual(reported, []);
  },
};

/** Makes a change in another process, and returns the first key that the store then reports. */
async function reportedKey(store: ReportingStore, change: () => Promise<void>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let end: (() => void) | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const fail = () =>
        reject(new assert.AssertionError({ message: `no key was reported within ${reportedWithinMs} ms` }));
      timer = setTimeout(fail, reportedWithinMs);
      end = store.onInvalidate(resolve);
      change().catch(reject);
    });
  } finally {
    clearTimeout(timer);
    end?.();
  }
}
