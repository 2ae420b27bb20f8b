import { UnavailableError } from './errors.js';
import { sharesPromises } from './workerd.js';

/** Who goes first when a limit bites; the last are the first to be turned away. */
export type Priority = 'first' | 'normal' | 'last';

export interface LimitSettings {
  /** Infinity where there is none. */
  concurrent: number;
  perSecond: number;
}

interface Waiter {
  readonly priority: Priority;
  start(): void;
  shed(error: UnavailableError): void;
}

/** A little more than a second, since the way to the server may shorten the time between two questions. */
const secondMs = 1050;
/** How many may wait where nothing tells how long that takes. */
const maxWaiting = 1000;

/**
 * Keeps questions under what the server bears: so many at a time, so many a second.
 *
 * When a limit bites, questions wait for half of their time at most, in order of priority. Who would have to wait longer
 * is turned away at once. On workerd nobody waits: a promise that another request settles never settles there.
 */
export class QuestionLimits {
  readonly #settings: LimitSettings;
  readonly #origin: string;
  readonly #monotonicNow: () => number;
  readonly #queues: Record<Priority, Set<Waiter>> = { first: new Set(), normal: new Set(), last: new Set() };
  /** When the last `perSecond` questions began; a ring. */
  readonly #begun: number[];
  #oldest = 0;
  #running = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(settings: LimitSettings, { origin, monotonicNow }: { origin: string; monotonicNow: () => number }) {
    this.#settings = settings;
    this.#origin = origin;
    this.#monotonicNow = monotonicNow;
    this.#begun = Number.isFinite(settings.perSecond) ? Array(settings.perSecond).fill(Number.NEGATIVE_INFINITY) : [];
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    const { first, normal, last } = this.#queues;
    return first.size + normal.size + last.size;
  }

  /**
   * Waits for the turn of a question, and begins it; {@link QuestionLimits.leave} is to be called when it has ended.
   *
   * @throws UnavailableError when it is turned away, or `signal.reason`
   */
  async enter(
    priority: Priority,
    { leftMs, signal }: { leftMs: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    if (this.#waitMs() === 0 && this.#ahead(priority) === 0) return this.#begin();
    const error = this.#refusal(priority, leftMs / 2);
    if (error !== undefined) throw error;
    await this.#turn(priority, leftMs / 2, signal);
  }

  leave(): void {
    this.#running--;
    this.#next();
  }

  #begin(): void {
    this.#running++;
    if (this.#begun.length === 0) return;
    this.#begun[this.#oldest] = this.#monotonicNow();
    this.#oldest = (this.#oldest + 1) % this.#begun.length;
  }

  #turn(priority: Priority, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const queue = this.#queues[priority];
    return new Promise((resolve, reject) => {
      const end = () => {
        queue.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
      };
      const waiter: Waiter = {
        priority,
        start: () => {
          end();
          this.#begin();
          resolve();
        },
        shed: (error) => {
          end();
          reject(error);
        },
      };
      const leave = () => {
        end();
        reject(signal?.reason);
      };
      const timer = setTimeout(() => waiter.shed(this.#shedError(1)), waitMs);
      signal?.addEventListener('abort', leave);
      queue.add(waiter);
      this.#next();
    });
  }

  /** Begins whoever can begin, and comes back when the next one can. */
  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const queue of [this.#queues.first, this.#queues.normal, this.#queues.last]) {
      for (const waiter of queue) {
        const waitMs = this.#waitMs();
        if (waitMs === 0) waiter.start();
        else {
          if (waitMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#next(), Math.ceil(waitMs));
          return;
        }
      }
    }
  }

  /** For how long the limits forbid the next question; Infinity: until one has ended. */
  #waitMs(): number {
    return this.#running >= this.#settings.concurrent ? Number.POSITIVE_INFINITY : this.#rateWaitMs(0);
  }

  /** For how long `perSecond` forbids a question that so many others come before. */
  #rateWaitMs(ahead: number): number {
    const { length } = this.#begun;
    if (length === 0) return 0;
    const begunAt = this.#begun[(this.#oldest + ahead) % length] ?? 0;
    return Math.max(0, begunAt + secondMs - this.#monotonicNow()) + Math.floor(ahead / length) * secondMs;
  }

  /** How many wait that come before one of this priority. */
  #ahead(priority: Priority): number {
    const { first, normal, last } = this.#queues;
    if (priority === 'first') return first.size;
    return first.size + normal.size + (priority === 'last' ? last.size : 0);
  }

  /** Why a question is turned away at once, or `undefined` where its turn may come in time. */
  #refusal(priority: Priority, withinMs: number): UnavailableError | undefined {
    const ahead = this.#ahead(priority);
    const waitMs = this.#rateWaitMs(ahead);
    if (waitMs <= withinMs && ahead < maxWaiting && sharesPromises()) return undefined;
    return this.#shedError(Math.max(1, Math.ceil(waitMs / 1000)));
  }

  #shedError(retryAfterSeconds: number): UnavailableError {
    return new UnavailableError(
      `${this.#origin} was not asked: too many questions are waiting for their turn ("limits")`,
      retryAfterSeconds,
    );
  }
}
