import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { VirtualTime } from '../../../introspect-core/test/support/virtual-time.js';

const { setTimeout: realSetTimeout, clearTimeout: realClearTimeout } = globalThis;
const isReal = new AsyncLocalStorage<true>();

/** Runs the code of Redis's client with the timers of Node, although the model has replaced them. */
export function inRealTime<Value>(work: () => Value): Value {
  return isReal.run(true, work);
}

/** Returns timers for all: those of the model for the code under test, and those of Node for Redis's client. */
export function timersOf(time: VirtualTime) {
  return {
    setTimeout: (run: () => void, ms?: number) =>
      isReal.getStore() ? realSetTimeout(run, ms) : time.setTimeout(run, ms),
    clearTimeout: (timer: number | NodeJS.Timeout) =>
      typeof timer === 'number' ? time.clearTimeout(timer) : realClearTimeout(timer),
  };
}

/** Virtual time that stands still while calls of Redis are running: each step ends when Redis has replied to all. */
export class RedisTime extends VirtualTime {
  /** Waits for the calls that are running. Returns whether there were any. */
  drain: () => Promise<boolean> = async () => false;
  /** Lets the keys in Redis age. */
  age: (ms: number) => Promise<void> = async () => {};

  override async settle(): Promise<void> {
    do await nextTurn();
    while (await this.drain());
    await super.settle();
  }

  override async advance(ms: number): Promise<void> {
    await super.advance(ms);
    await this.age(ms);
    await this.settle();
  }
}
