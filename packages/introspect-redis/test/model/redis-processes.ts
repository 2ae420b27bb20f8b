import { createClient } from 'redis';
import type { CacheStore, StoreReports } from '../../../introspect-core/src/index.js';
import { SharedStore, type StoreKind } from '../../../introspect-core/test/lookup/model/shared-store.js';
import { type RedisStore, redisStore } from '../../src/index.js';
import type { RedisServer } from '../redis-server.js';
import { inRealTime, type RedisTime } from './real-time.js';

const prefix = 'model:';
const slowMs = 100;
const barrier = 'barrier';
/** Less than the time after which a proof fails. */
const proofWithinMs = 900;

/** The connections of two processes to one Redis. All runs of the model use them. */
export class RedisProcesses {
  readonly stores: readonly RedisStore[];
  /** The listener of each process in the current run. */
  readonly listeners = new Map<number, { changed: (key: string) => void; reports: StoreReports | undefined }>();
  readonly #admin: ReturnType<typeof createClient>;
  /** When each process heard that any key may have changed, since its last connection. */
  readonly #resets: readonly number[][] = [[], []];

  private constructor(url: string) {
    this.#admin = createClient({ url });
    this.#admin.on('error', () => {});
    this.stores = [0, 1].map((process) => {
      const store = redisStore({ url, prefix, onError: () => {} });
      store.onInvalidate((key) => this.listeners.get(process)?.changed(key), {
        reset: () => {
          this.#resets[process]?.push(performance.now());
          this.listeners.get(process)?.reports?.reset();
        },
        unreliable: () => this.listeners.get(process)?.reports?.unreliable(),
      });
      return store;
    });
  }

  static async connect({ url }: RedisServer): Promise<RedisProcesses> {
    return inRealTime(async () => {
      const processes = new RedisProcesses(url);
      await processes.#admin.connect();
      if (!(await processes.#areProven())) await processes.reconnect();
      return processes;
    });
  }

  /** Ends all connections of both processes, and waits until each process has a new one that reports changes. */
  async reconnect(): Promise<void> {
    await inRealTime(async () => {
      do {
        for (const resets of this.#resets) resets.length = 0;
        await this.#admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal']);
      } while (!(await this.#areProven()));
    });
  }

  /** Deletes all keys. */
  async empty(): Promise<void> {
    await inRealTime(() => this.#admin.flushAll());
    await this.#receive();
  }

  /** Lets all keys age, so that Redis deletes those that have ended. */
  async age(ms: number): Promise<void> {
    const script = `
      for _, key in ipairs(redis.call('KEYS', '${prefix}*')) do
        local left = redis.call('PTTL', key)
        if left > 0 then redis.call('PEXPIRE', key, left - tonumber(ARGV[1])) end
      end`;
    await inRealTime(() => this.#admin.eval(script, { arguments: [String(ms)] }));
    await this.#receive();
  }

  /** Waits until each process has heard of all changes: Redis sends the reply to a later command after its reports. */
  async receive(): Promise<void> {
    await this.#receive();
  }

  async close(): Promise<void> {
    await inRealTime(() => Promise.all(this.stores.map((store) => store.close())));
    this.#admin.destroy();
  }

  async #receive(): Promise<void> {
    await inRealTime(() => Promise.all(this.stores.map((store) => store.get(barrier))));
  }

  /**
   * Waits until each process has heard of a new connection, and of its proof. Returns `false` if a proof may have failed,
   * because the machine is very busy: that store would open another connection soon.
   */
  async #areProven(): Promise<boolean> {
    while (this.#resets.some((resets) => resets.length < 2)) await new Promise((resolve) => setTimeout(resolve, 5));
    return this.#resets.every(([connected = 0, proven = 0]) => proven - connected < proofWithinMs);
  }
}

/** The store of one run of the model: Redis, with the faults of the model in front of it. */
export class RedisSharedStore extends SharedStore {
  readonly #processes: RedisProcesses;
  readonly #time: RedisTime;
  readonly #running = new Set<Promise<unknown>>();
  #hasWritten = false;

  constructor(time: RedisTime, processes: RedisProcesses) {
    super(time);
    this.#time = time;
    this.#processes = processes;
    processes.listeners.clear();
    time.drain = () => this.#drain();
    time.age = (ms) => processes.age(ms);
  }

  override seenBy(process: number, kind: StoreKind): CacheStore {
    const redis = this.#processes.stores[process];
    if (redis === undefined) throw new RangeError(`no process ${process}`);
    const store: CacheStore = {
      get: (key) => this.#work(() => redis.get(key)),
      set: (key, value, ttlMs) => {
        this.check(key, value, ttlMs);
        return this.#work(() => redis.set(key, value, ttlMs), 'writes');
      },
      delete: (key) => this.#work(() => redis.delete(key), 'writes'),
    };
    if (kind === 'lease' || kind === 'both') store.lease = (key, ttlMs) => this.#work(() => redis.lease(key, ttlMs));
    if (kind !== 'plain') store.getMany = (keys) => this.#work(() => redis.getMany(keys));
    if (kind === 'notifies' || kind === 'both') {
      store.onInvalidate = (changed, reports) => {
        this.#processes.listeners.set(process, { changed, reports });
        return () => this.#processes.listeners.delete(process);
      };
    }
    return store;
  }

  /** Waits for Redis. Returns whether anything was running, which may have caused other work. */
  async #drain(): Promise<boolean> {
    if (this.#running.size === 0 && !this.#hasWritten) return false;
    await Promise.allSettled(this.#running);
    if (this.#hasWritten) {
      this.#hasWritten = false;
      await this.#processes.receive();
    }
    return true;
  }

  #work<Value>(call: () => Promise<Value>, effect?: 'writes'): Promise<Value> {
    const run = () => {
      const running = inRealTime(call).finally(() => {
        this.#running.delete(running);
        this.#hasWritten ||= effect === 'writes';
      });
      this.#running.add(running);
      return running;
    };
    if (this.mode === 'throws') throw new Error('the store is broken');
    if (this.mode === 'rejects') return Promise.reject(new Error('the store is down'));
    if (this.mode === 'hangs') return new Promise(() => {});
    if (this.mode === 'works') return run();
    return new Promise((resolve, reject) => this.#time.setTimeout(() => run().then(resolve, reject), slowMs));
  }
}
