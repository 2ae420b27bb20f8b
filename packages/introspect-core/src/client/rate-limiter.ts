import { UnavailableError } from '../errors/errors.js';
import { traitsOf, withTraits } from '../errors/failure-traits.js';
import type { Priority } from '../events/events.js';
import { onAbort } from '../runtime/on-abort.js';
import { sharesPromises } from '../runtime/workerd.js';
import type { IntrospectionCall, Stage } from './pipeline.js';

/** The option `limits`, with its defaults. */
export interface LimitSettings {
  /** How many requests may run at a time. Infinity means no limit. */
  concurrent: number;
  /** How many requests may start in a second. Infinity means no limit. */
  perSecond: number;
}

/** A second, plus 1 ms because clocks round. */
const secondMs = 1001;
/** The most calls that may wait when only `concurrent` is limited, because their waiting time is unknown. */
const maxQueued = 1000;

/**
 * Lets each call wait for a slot, by priority.
 *
 * @param onShed is called before the limits end a call. It may throw an error that says more.
 */
export function rateLimiter(limiter: RateLimiter | undefined, onShed: (call: IntrospectionCall) => void): Stage {
  if (limiter === undefined) return (call, next) => next(call);
  return async (call, next) => {
    const { priority, signal, leftMs } = call;
    try {
      await limiter.acquire(priority, { leftMs: leftMs(), signal });
    } catch (error) {
      signal?.throwIfAborted();
      onShed(call);
      throw error;
    }
    let isSent = true;
    try {
      return await next(call);
    } catch (error) {
      isSent = traitsOf(error).shedBy !== 'circuit_breaker';
      throw error;
    } finally {
      limiter.release({ isSent });
    }
  };
}

/**
 * Limits how many requests run at a time (`concurrent`) and begin in a second (`perSecond`).
 *
 * When a limit is reached, calls wait for a slot for at most half of their time, in order of priority. A call that would
 * wait longer fails immediately. On workerd no call waits, because there a request cannot wait for a promise of another
 * request.
 */
export class RateLimiter {
  readonly #settings: LimitSettings;
  readonly #origin: string;
  readonly #monotonicNow: () => number;
  /** For each waiting call the function that gives it a slot. */
  readonly #queues: Record<Priority, Set<() => void>> = { high: new Set(), normal: new Set(), low: new Set() };
  /** When the last requests ended, the oldest first. The server received each of them before that. */
  readonly #ended: number[] = [];
  #running = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(settings: LimitSettings, { origin, monotonicNow }: { origin: string; monotonicNow: () => number }) {
    this.#settings = settings;
    this.#origin = origin;
    this.#monotonicNow = monotonicNow;
  }

  get queued(): number {
    const { high, normal, low } = this.#queues;
    return high.size + normal.size + low.size;
  }

  /**
   * Waits for a slot and takes it. Call {@link RateLimiter.release} when the request has ended.
   *
   * @throws UnavailableError if the call would wait too long, or `signal.reason`
   */
  async acquire(
    priority: Priority,
    { leftMs, signal }: { leftMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (this.#waitMs() === 0 && this.#ahead(priority) === 0) return void this.#running++;
    const error = this.#rejection(priority, leftMs / 2);
    if (error !== undefined) throw error;
    await this.#slot(priority, leftMs / 2, signal);
  }

  /** Frees a slot. A call that sent no request does not count for `perSecond`. */
  release({ isSent }: { isSent: boolean }): void {
    this.#running--;
    if (isSent && Number.isFinite(this.#settings.perSecond)) this.#ended.push(this.#monotonicNow());
    this.#next();
  }

  #slot(priority: Priority, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const queue = this.#queues[priority];
    return new Promise((resolve, reject) => {
      const end = () => {
        queue.delete(begin);
        clearTimeout(timer);
        stop?.();
      };
      const begin = () => {
        end();
        this.#running++;
        resolve();
      };
      const abort = () => {
        end();
        reject(signal?.reason);
      };
      const shed = () => {
        end();
        reject(this.#shedError(1));
      };
      const timer = setTimeout(shed, waitMs);
      const stop = signal && onAbort(signal, abort);
      queue.add(begin);
      this.#next();
    });
  }

  /** Gives slots to the calls that may begin, and sets a timer for the next one. */
  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const queue of [this.#queues.high, this.#queues.normal, this.#queues.low]) {
      for (const begin of queue) {
        const waitMs = this.#waitMs();
        if (waitMs === 0) begin();
        else {
          if (waitMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#next(), Math.ceil(waitMs));
          return;
        }
      }
    }
  }

  /** Returns for how many milliseconds no further request may start. Infinity: until one has ended. */
  #waitMs(): number {
    return this.#running >= this.#settings.concurrent ? Number.POSITIVE_INFINITY : this.#rateWaitMs(0);
  }

  /** Returns how many milliseconds `perSecond` delays a call behind `ahead` others. An estimate while requests are running. */
  #rateWaitMs(ahead: number): number {
    const { perSecond } = this.#settings;
    const now = this.#monotonicNow();
    while ((this.#ended[0] ?? now) <= now - secondMs) this.#ended.shift();
    const excess = this.#running + this.#ended.length + ahead - perSecond;
    if (excess < 0) return 0;
    const ended = this.#ended[excess % perSecond] ?? now;
    return ended - now + secondMs * (1 + Math.floor(excess / perSecond));
  }

  /** Returns how many waiting calls come before a new one of this priority. */
  #ahead(priority: Priority): number {
    const { high, normal, low } = this.#queues;
    if (priority === 'high') return high.size;
    return high.size + normal.size + (priority === 'low' ? low.size : 0);
  }

  /** Returns why a call fails immediately, or `undefined` if it may get a slot in time. */
  #rejection(priority: Priority, withinMs: number): UnavailableError | undefined {
    const ahead = this.#ahead(priority);
    const waitMs = this.#rateWaitMs(ahead);
    if (waitMs <= withinMs && ahead < maxQueued && sharesPromises()) return undefined;
    return this.#shedError(Math.max(1, Math.ceil(waitMs / 1000)));
  }

  #shedError(retryAfterSeconds: number): UnavailableError {
    const error = new UnavailableError(
      `${this.#origin} is not being called: too many calls are waiting ("limits")`,
      retryAfterSeconds,
    );
    return withTraits(error, { shedBy: 'limits' });
  }
}
