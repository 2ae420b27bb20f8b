import { withDeadline } from './deadline.js';
import { UnavailableError } from './errors.js';
import type { MarkName } from './forget-marks.js';
import { type ActiveToken, readIntrospectionResponse } from './introspection-response.js';

/**
 * A second tier behind the cache in process, shared by processes: Redis, or what is like it.
 *
 * Keys are opaque, and so are values; they hold what the server said of a token, though never the token: protect the
 * store as you protect the server's answers. Inactive answers never go there. What rejects, throws, or takes longer than
 * 250 ms counts as not there.
 */
export interface CacheStore {
  get(key: string): Promise<string | undefined>;
  /** Keeps a value, in place of an older one, for `ttlMs` milliseconds (a whole number from 1 to 2³¹ − 1). */
  set(key: string, value: string, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** Calls back for each key that another process has set or deleted; the result ends it. */
  onInvalidate?(listener: (key: string) => void): () => void;
  /** Gives the lease on a key to the first who asks, for `ttlMs`, and `false` to others. It leaves the key's value alone. */
  lease?(key: string, ttlMs: number): Promise<boolean>;
}

export type StoreOperation = 'get' | 'set' | 'delete' | 'lease';

const storeTimeoutMs = 250;
const markPrefix = 'forget.';

/** Whether a key of the store is that of a mark. */
export function isMarkKey(key: string): boolean {
  return key.startsWith(markPrefix);
}

/** The answers and the marks in a {@link CacheStore}. Whatever goes wrong there is told to `failed`, and counts as not there. */
export class StoredAnswers {
  readonly #store: CacheStore;
  readonly #now: () => number;
  readonly #keyOf: (text: string) => string | Promise<string>;
  readonly #failed: (operation: StoreOperation) => void;

  constructor(
    store: CacheStore,
    {
      now,
      keyOf,
      failed,
    }: {
      now: () => number;
      /** Makes a key of a text, as it does of a token. */
      keyOf: (text: string) => string | Promise<string>;
      failed: (operation: StoreOperation) => void;
    },
  ) {
    this.#store = store;
    this.#now = now;
    this.#keyOf = keyOf;
    this.#failed = failed;
  }

  /**
   * An active answer, and when its process asked for it, by the wall clock.
   *
   * @param namesOf the names under which it may have been forgotten, in any process
   */
  async read(
    key: string,
    namesOf: (answer: ActiveToken) => MarkName[],
  ): Promise<{ answer: ActiveToken; askedAt: number } | undefined> {
    try {
      const stored = this.#parse(await this.#run('get', () => this.#store.get(key)));
      if (stored === undefined) return undefined;
      const marks = await Promise.all(namesOf(stored.answer).map((name) => this.#readMark(name)));
      return marks.every((leftAt) => leftAt < stored.askedAt) ? stored : undefined;
    } catch {
      return undefined;
    }
  }

  async write(key: string, answer: ActiveToken, { askedAt, ttlMs }: { askedAt: number; ttlMs: number }): Promise<void> {
    const value = `${Math.floor(askedAt)} ${JSON.stringify(answer)}`;
    await this.#run('set', () => this.#store.set(key, value, ttlMs)).catch(() => {});
  }

  async remove(key: string): Promise<void> {
    await this.#run('delete', () => this.#store.delete(key)).catch(() => {});
  }

  /** Whether this process is the one to renew an answer. */
  async mayRenew(key: string, ttlMs: number): Promise<boolean> {
    const { lease } = this.#store;
    if (lease === undefined) return true;
    return this.#run('lease', () => lease.call(this.#store, key, ttlMs)).catch(() => true);
  }

  /**
   * Leaves a mark for all processes.
   *
   * @throws UnavailableError when the store did not take it
   */
  async mark(name: MarkName, ttlMs: number): Promise<void> {
    const key = await this.#markKey(name);
    await this.#run('set', () => this.#store.set(key, String(this.#now()), ttlMs));
  }

  async #readMark(name: MarkName): Promise<number> {
    const key = await this.#markKey(name);
    return Number((await this.#run('get', () => this.#store.get(key))) ?? '-Infinity');
  }

  /** A colon cannot be in a bearer token, so that no token has the key of a mark. */
  async #markKey(name: MarkName): Promise<string> {
    return markPrefix + (await this.#keyOf(name));
  }

  #parse(value: string | undefined): { answer: ActiveToken; askedAt: number } | undefined {
    const [, digits, body] = /^(\d{1,15}) (.*)$/s.exec(value ?? '') ?? [];
    if (digits === undefined || body === undefined) return undefined;
    const response = { status: 200, header: () => 'application/json', body };
    const answer = readIntrospectionResponse(response, 'The cache store', this.#now);
    return answer.active ? { answer, askedAt: Number(digits) } : undefined;
  }

  async #run<Value>(operation: StoreOperation, work: () => Promise<Value>): Promise<Value> {
    try {
      return await withDeadline({ timeoutMs: storeTimeoutMs, late: storeProblem }, async () => work());
    } catch {
      this.#failed(operation);
      throw storeProblem();
    }
  }
}

/** Without its cause: what a store throws may hold the key, the value, or its own password. */
function storeProblem(): UnavailableError {
  return new UnavailableError(`The cache store failed, or took longer than ${storeTimeoutMs} ms`);
}
