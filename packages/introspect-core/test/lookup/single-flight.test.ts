import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SingleFlight } from '../../src/lookup/single-flight.js';
import { eventLoopTurns } from '../support/event-loop.js';

/** Work that ends when the test ends it, and a list of its runs. */
function heldWork() {
  const runs: (PromiseWithResolvers<string> & { signal: AbortSignal })[] = [];
  const work = (signal: AbortSignal) => {
    const run = { ...Promise.withResolvers<string>(), signal };
    runs.push(run);
    return run.promise;
  };
  const nth = (number: number) => {
    const run = runs[number - 1];
    if (run === undefined) throw new Error(`run ${number} has not begun`);
    return run;
  };
  return { runs, work, nth };
}

describe('a single flight', () => {
  it('a single flight runs the work once for concurrent callers with the same key', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { runs, work, nth } = heldWork();
    const waiting = Array.from({ length: 20 }, () => flights.join('a', {}, work));
    nth(1).resolve('yes');
    expect(await Promise.all(waiting)).toEqual(Array(20).fill('yes'));
    expect(runs).toHaveLength(1);
  });

  it('a single flight runs the work again for another key, and after the result', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { runs, work, nth } = heldWork();
    const first = flights.join('a', {}, work);
    const other = flights.join('b', {}, work);
    nth(1).resolve('a');
    nth(2).resolve('b');
    expect(await Promise.all([first, other])).toEqual(['a', 'b']);
    const again = flights.join('a', {}, work);
    nth(3).resolve('newer');
    expect(await again).toBe('newer');
    expect(runs.map(({ signal }) => signal.aborted)).toEqual([false, false, false]);
  });

  it('a single flight returns whether a caller would share a running flight', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { work, nth } = heldWork();
    const isShared = (key: string) => flights.outlook(key, () => true).isShared;
    expect(isShared('a')).toBe(false);
    const waiting = flights.join('a', {}, work);
    expect([isShared('a'), isShared('b')]).toEqual([true, false]);
    nth(1).resolve('yes');
    await waiting;
    expect(isShared('a')).toBe(false);
    const failing = flights.join('a', {}, work);
    expect(isShared('a')).toBe(true);
    nth(2).reject(new Error('down'));
    await expect(failing).rejects.toThrow('down');
    expect(isShared('a')).toBe(false);
  });

  it("a single flight continues after one caller's abort, which rejects with that caller's reason", async () => {
    const flights = new SingleFlight<string>(() => true);
    const { work, nth } = heldWork();
    const controller = new AbortController();
    const leaves = flights.join('a', { signal: controller.signal }, work);
    const stays = flights.join('a', { signal: new AbortController().signal }, work);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(nth(1).signal.aborted).toBe(false);
    nth(1).resolve('yes');
    expect(await stays).toBe('yes');
  });

  it('a single flight aborts the work when its last caller leaves, and the next caller starts it again', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { runs, work, nth } = heldWork();
    const controllers = [new AbortController(), new AbortController()] as const;
    const leave = controllers.map(({ signal }) => flights.join('a', { signal }, work));
    controllers[0].abort(1);
    controllers[1].abort(2);
    await Promise.allSettled(leave);
    expect(nth(1).signal.aborted).toBe(true);
    const later = flights.join('a', {}, work);
    expect(runs).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await later).toBe('yes');
  });

  it('a single flight that ends does not remove a newer flight with the same key', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { runs, work, nth } = heldWork();
    const controller = new AbortController();
    const leaves = flights.join('a', { signal: controller.signal }, work);
    controller.abort();
    await expect(leaves).rejects.toBe(controller.signal.reason);
    const second = flights.join('a', {}, work);
    nth(1).reject(new Error('aborted'));
    await eventLoopTurns();
    const third = flights.join('a', {}, work);
    expect(runs).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await Promise.all([second, third])).toEqual(['yes', 'yes']);
  });

  it('a single flight does not start for a caller that has already left', async () => {
    const { runs, work } = heldWork();
    await expect(
      new SingleFlight<string>(() => true).join('a', { signal: AbortSignal.abort('left') }, work),
    ).rejects.toBe('left');
    expect(runs).toEqual([]);
  });

  it('a single flight rejects with the same error for all waiting callers, and starts again for the next', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { runs, work, nth } = heldWork();
    const error = new Error('down');
    const { signal } = new AbortController();
    const waiting = [flights.join('a', {}, work), flights.join('a', { signal }, work)];
    nth(1).reject(error);
    await expect(waiting[0]).rejects.toBe(error);
    await expect(waiting[1]).rejects.toBe(error);
    expect(nth(1).signal.aborted).toBe(false);
    const later = flights.join('a', {}, work);
    expect(runs).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await later).toBe('yes');
  });

  it('a single flight does not reuse its error for a caller that tries again immediately', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { runs, work, nth } = heldWork();
    const again = flights.join('a', {}, work).catch(() => flights.join('a', {}, work));
    const other = flights.join('a', {}, work);
    nth(1).reject(new Error('down'));
    await expect(other).rejects.toThrow('down');
    await eventLoopTurns();
    expect(runs).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await again).toBe('yes');
  });

  it('a single flight that fails after its last caller left causes no unhandled rejection', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { work, nth } = heldWork();
    const controller = new AbortController();
    const leaves = new SingleFlight<string>(() => true).join('a', { signal: controller.signal }, work);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    nth(1).reject(new Error('down'));
    await eventLoopTurns(2);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("a single flight removes its listener from a caller's signal", async () => {
    const { work, nth } = heldWork();
    const { signal } = new AbortController();
    const waiting = new SingleFlight<string>(() => true).join('a', { signal }, work);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    nth(1).resolve('yes');
    await waiting;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('a caller for whom the running flight began too early', () => {
  /** Accepts flights that began at that time or later. The test sets the time by hand. */
  const since = (time: number) => (start: number) => start >= time;
  const flightsAt = () => {
    const clock = { time: 0 };
    return { clock, flights: new SingleFlight<string, number>(() => clock.time) };
  };

  it('a caller for whom the running flight began too early waits for its end, and shares the next flight', async () => {
    const { clock, flights } = flightsAt();
    const { runs, work, nth } = heldWork();
    const early = flights.join('a', { accepts: since(0) }, work);
    clock.time = 1;
    expect(flights.outlook('a', since(1))).toEqual({ isShared: false, mustWait: true });
    const late = Array.from({ length: 20 }, () => flights.join('a', { accepts: since(1) }, work));
    expect(flights.outlook('a', since(1))).toEqual({ isShared: true, mustWait: true });
    expect(flights.outlook('a', since(0))).toEqual({ isShared: true, mustWait: false });
    const early2 = flights.join('a', { accepts: since(0) }, work);
    await eventLoopTurns();
    expect(runs).toHaveLength(1);
    clock.time = 2;
    nth(1).resolve('old');
    expect(await Promise.all([early, early2])).toEqual(['old', 'old']);
    expect(runs).toHaveLength(2);
    expect(flights.outlook('a', since(2))).toEqual({ isShared: true, mustWait: false });
    nth(2).resolve('new');
    expect(await Promise.all(late)).toEqual(Array(20).fill('new'));
    expect(runs).toHaveLength(2);
  });

  it('callers for whom the running flight began too early cause at most one waiting flight', async () => {
    const { clock, flights } = flightsAt();
    const { runs, work, nth } = heldWork();
    const results: Promise<string>[] = [];
    for (clock.time = 0; clock.time < 5; clock.time++) {
      results.push(flights.join('a', { accepts: since(clock.time) }, work));
    }
    nth(1).resolve('first');
    await results[0];
    results.push(flights.join('a', { accepts: since(++clock.time) }, work));
    await eventLoopTurns();
    expect(runs).toHaveLength(2);
    nth(2).resolve('second');
    await results[1];
    await eventLoopTurns();
    nth(3).resolve('third');
    expect(await Promise.all(results)).toEqual(['first', 'second', 'second', 'second', 'second', 'third']);
    expect(runs).toHaveLength(3);
  });

  it('a caller that waits for the next flight does not get the error of the running one', async () => {
    const { clock, flights } = flightsAt();
    const { work, nth } = heldWork();
    const early = flights.join('a', {}, work);
    clock.time = 1;
    const late = flights.join('a', { accepts: since(1) }, work);
    nth(1).reject(new Error('down'));
    await expect(early).rejects.toThrow('down');
    nth(2).resolve('yes');
    expect(await late).toBe('yes');
  });

  it('a waiting caller gets its own flight when all callers of the running flight have left', async () => {
    const { clock, flights } = flightsAt();
    const { work, nth } = heldWork();
    const controller = new AbortController();
    const early = flights.join('a', { signal: controller.signal }, work);
    clock.time = 1;
    const late = flights.join('a', { accepts: since(1) }, work);
    controller.abort('left');
    await expect(early).rejects.toBe('left');
    expect(nth(1).signal.aborted).toBe(true);
    nth(2).resolve('yes');
    expect(await late).toBe('yes');
  });

  it('a caller can leave before its flight has begun, and then that flight never begins', async () => {
    const { clock, flights } = flightsAt();
    const { runs, work, nth } = heldWork();
    const early = flights.join('a', {}, work);
    clock.time = 1;
    const controller = new AbortController();
    const late = flights.join('a', { accepts: since(1), signal: controller.signal }, work);
    controller.abort('left');
    await expect(late).rejects.toBe('left');
    expect(flights.outlook('a', since(1))).toEqual({ isShared: false, mustWait: true });
    nth(1).resolve('yes');
    await early;
    await eventLoopTurns();
    expect(runs).toHaveLength(1);
  });

  it('a caller joins the waiting flight after the only other caller has left', async () => {
    const { clock, flights } = flightsAt();
    const { work, nth } = heldWork();
    const early = flights.join('a', {}, work);
    clock.time = 1;
    const controller = new AbortController();
    const leaves = flights.join('a', { accepts: since(1), signal: controller.signal }, work);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    const stays = flights.join('a', { accepts: since(1) }, work);
    nth(1).resolve('old');
    await early;
    expect(nth(2).signal.aborted).toBe(false);
    nth(2).resolve('new');
    expect(await stays).toBe('new');
  });
});

describe('a single flight on workerd', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('a single flight on workerd shares nothing, and an abort ends only the work of its own caller', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const flights = new SingleFlight<string>(() => true);
    const { runs, work, nth } = heldWork();
    const controller = new AbortController();
    const leaves = flights.join('a', { signal: controller.signal }, work);
    const stays = flights.join('a', {}, work);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(runs.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(flights.outlook('a', () => true).isShared).toBe(false);
    nth(2).resolve('yes');
    expect(await stays).toBe('yes');
  });
});
