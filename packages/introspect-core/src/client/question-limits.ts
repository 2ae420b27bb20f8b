import { UnavailableError } from '../errors/errors.js';
import type { Priority } from '../events/events.js';
import { onAbort } from '../runtime/on-abort.js';
import { sharesPromises } from '../runtime/workerd.js';

export interface LimitSettings {
  /** Infinity where there is none. */
  concurrent: number;
  perSecond: number;
}

/** A second, and what a clock may be short of it. */
const secondMs = 1001;
/** How many may wait where nothing tells how long that takes. */
const maxWaiting = 1000;
const shedErrors = new WeakSet<Error>();

/** Whether a question was turned away by our own limits: that says nothing about the server. */
export function isShed(error: unknown): boolean {
  return error instanceof Error && shedErrors.has(error);
}

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
  /** Those who wait, as what begins each of them. */
  readonly #queues: Record<Priority, Set<() => void>> = { first: new Set(), normal: new Set(), last: new Set() };
  /** When the last questions ended, the oldest first. The server saw each of them before that, however slow the way. */
  readonly #ended: number[] = [];
  #running = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(settings: LimitSettings, { origin, monotonicNow }: { origin: string; monotonicNow: () => number }) {
    this.#settings = settings;
    this.#origin = origin;
    this.#monotonicNow = monotonicNow;
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
    if (this.#waitMs() === 0 && this.#ahead(priority) === 0) return void this.#running++;
    const error = this.#refusal(priority, leftMs / 2);
    if (error !== undefined) throw error;
    await this.#turn(priority, leftMs / 2, signal);
  }

  /** @param asked whether the server was asked at all */
  leave(asked: boolean): void {
    this.#running--;
    if (asked && Number.isFinite(this.#settings.perSecond)) this.#ended.push(this.#monotonicNow());
    this.#next();
  }

  #turn(priority: Priority, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
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
      const leave = () => {
        end();
        reject(signal?.reason);
      };
      const shed = () => {
        end();
        reject(this.#shedError(1));
      };
      const timer = setTimeout(shed, waitMs);
      const stop = signal && onAbort(signal, leave);
      queue.add(begin);
      this.#next();
    });
  }

  /** Begins whoever can begin, and comes back when the next one can. */
  #next(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const queue of [this.#queues.first, this.#queues.normal, this.#queues.last]) {
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

  /** For how long the limits forbid the next question; Infinity: until one has ended. */
  #waitMs(): number {
    return this.#running >= this.#settings.concurrent ? Number.POSITIVE_INFINITY : this.#rateWaitMs(0);
  }

  /** For how long `perSecond` forbids a question that so many others come before; for what still runs, a guess. */
  #rateWaitMs(ahead: number): number {
    const { perSecond } = this.#settings;
    const now = this.#monotonicNow();
    while ((this.#ended[0] ?? now) <= now - secondMs) this.#ended.shift();
    const excess = this.#running + this.#ended.length + ahead - perSecond;
    if (excess < 0) return 0;
    const ended = this.#ended[excess % perSecond] ?? now;
    return ended - now + secondMs * (1 + Math.floor(excess / perSecond));
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
    const error = new UnavailableError(
      `${this.#origin} was not asked: too many questions are waiting for their turn ("limits")`,
      retryAfterSeconds,
    );
    shedErrors.add(error);
    return error;
  }
}
