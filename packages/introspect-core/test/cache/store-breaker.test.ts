import { beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreBreaker } from '../../src/cache/store-breaker.js';
import { Clocks } from '../support/clocks.js';
import { eventLoopTurns } from '../support/event-loop.js';

let clocks: Clocks;
let breaker: StoreBreaker;
beforeEach(() => {
  clocks = new Clocks();
  breaker = new StoreBreaker(clocks.monotonicNow);
});

const down = () => Promise.reject(new Error('down'));
const up = async () => 'value';
const outcomeOf = (call: () => Promise<string>) => breaker.run(call).catch(({ message }: Error) => message);

async function fail(times: number): Promise<void> {
  for (let i = 0; i < times; i++) expect(await outcomeOf(down)).toBe('down');
}

describe('the breaker of a store', () => {
  it('calls the store until it has failed 5 times in a row', async () => {
    await fail(4);
    expect(await outcomeOf(up)).toBe('value');
    await fail(5);
    const call = vi.fn(up);
    expect(await outcomeOf(call)).toBe('The store is left alone after several failures');
    expect(call).not.toHaveBeenCalled();
  });

  it('probes the store once a second, with a call whose caller does not wait', async () => {
    await fail(5);
    for (let second = 0; second < 3; second++) {
      clocks.pass(1);
      const hangs = vi.fn(() => new Promise<string>(() => {}));
      for (let i = 0; i < 10; i++) expect(await outcomeOf(hangs)).toContain('left alone');
      expect(hangs).toHaveBeenCalledTimes(1);
    }
  });

  it('calls the store again after a probe has succeeded, and not after it has failed', async () => {
    await fail(5);
    clocks.pass(0.999);
    await outcomeOf(up);
    await eventLoopTurns(1);
    expect(await outcomeOf(up)).toContain('left alone');
    clocks.pass(0.001);
    expect(await outcomeOf(down)).toContain('left alone');
    await eventLoopTurns(1);
    expect(await outcomeOf(up)).toContain('left alone');
    clocks.pass(1);
    expect(await outcomeOf(up)).toContain('left alone');
    await eventLoopTurns(1);
    expect(await outcomeOf(up)).toBe('value');
    await fail(5);
  });

  it('is failing from a failed call until the next success', async () => {
    const seen = [breaker.isFailing];
    for (const call of [up, down, up]) {
      await outcomeOf(call);
      seen.push(breaker.isFailing);
    }
    expect(seen).toEqual([false, false, true, false]);
  });

  it('probes a second after the fifth failure, even if a call that was running fails later', async () => {
    const running = Promise.withResolvers<string>();
    const late = outcomeOf(() => running.promise);
    await fail(5);
    clocks.pass(0.9);
    running.reject(new Error('late'));
    expect(await late).toBe('late');
    clocks.pass(0.1);
    const probe = vi.fn(up);
    await outcomeOf(probe);
    expect(probe).toHaveBeenCalledTimes(1);
  });
});
