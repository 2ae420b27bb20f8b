import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SingleFlight } from '../../src/lookup/single-flight.js';
import { eventLoopTurns } from '../support/event-loop.js';

/** A question that is answered by hand, and counts how often it was asked. */
function heldQuestion() {
  const asked: (PromiseWithResolvers<string> & { signal: AbortSignal })[] = [];
  const ask = (signal: AbortSignal) => {
    const question = { ...Promise.withResolvers<string>(), signal };
    asked.push(question);
    return question.promise;
  };
  const nth = (number: number) => {
    const question = asked[number - 1];
    if (question === undefined) throw new Error(`there is no question ${number}`);
    return question;
  };
  return { asked, ask, nth };
}

describe('a single flight', () => {
  it('asks once for all who ask the same at the same time', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { asked, ask, nth } = heldQuestion();
    const waiting = Array.from({ length: 20 }, () => flights.join('a', {}, ask));
    nth(1).resolve('yes');
    expect(await Promise.all(waiting)).toEqual(Array(20).fill('yes'));
    expect(asked).toHaveLength(1);
  });

  it('asks once more for another key, and after the answer', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { asked, ask, nth } = heldQuestion();
    const first = flights.join('a', {}, ask);
    const other = flights.join('b', {}, ask);
    nth(1).resolve('a');
    nth(2).resolve('b');
    expect(await Promise.all([first, other])).toEqual(['a', 'b']);
    const again = flights.join('a', {}, ask);
    nth(3).resolve('newer');
    expect(await again).toBe('newer');
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([false, false, false]);
  });

  it('tells whether a caller would share a flight', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { ask, nth } = heldQuestion();
    const isShared = (key: string) => flights.outlook(key, () => true).isShared;
    expect(isShared('a')).toBe(false);
    const waiting = flights.join('a', {}, ask);
    expect([isShared('a'), isShared('b')]).toEqual([true, false]);
    nth(1).resolve('yes');
    await waiting;
    expect(isShared('a')).toBe(false);
    const failing = flights.join('a', {}, ask);
    expect(isShared('a')).toBe(true);
    nth(2).reject(new Error('down'));
    await expect(failing).rejects.toThrow('down');
    expect(isShared('a')).toBe(false);
  });

  it("is not ended by one waiter's abort, which rejects with its own reason", async () => {
    const flights = new SingleFlight<string>(() => true);
    const { ask, nth } = heldQuestion();
    const controller = new AbortController();
    const leaves = flights.join('a', { signal: controller.signal }, ask);
    const stays = flights.join('a', { signal: new AbortController().signal }, ask);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(nth(1).signal.aborted).toBe(false);
    nth(1).resolve('yes');
    expect(await stays).toBe('yes');
  });

  it('aborts the question when the last one leaves, and whoever comes then asks anew', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { asked, ask, nth } = heldQuestion();
    const controllers = [new AbortController(), new AbortController()] as const;
    const leave = controllers.map(({ signal }) => flights.join('a', { signal }, ask));
    controllers[0].abort(1);
    controllers[1].abort(2);
    await Promise.allSettled(leave);
    expect(nth(1).signal.aborted).toBe(true);
    const later = flights.join('a', {}, ask);
    expect(asked).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await later).toBe('yes');
  });

  it('clears only its own slot: the end of an old question does not split those who wait for a newer one', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { asked, ask, nth } = heldQuestion();
    const controller = new AbortController();
    const leaves = flights.join('a', { signal: controller.signal }, ask);
    controller.abort();
    await expect(leaves).rejects.toBe(controller.signal.reason);
    const second = flights.join('a', {}, ask);
    nth(1).reject(new Error('aborted'));
    await eventLoopTurns();
    const third = flights.join('a', {}, ask);
    expect(asked).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await Promise.all([second, third])).toEqual(['yes', 'yes']);
  });

  it('does not ask for one who has left already', async () => {
    const { asked, ask } = heldQuestion();
    await expect(
      new SingleFlight<string>(() => true).join('a', { signal: AbortSignal.abort('left') }, ask),
    ).rejects.toBe('left');
    expect(asked).toEqual([]);
  });

  it('shares a fault with those who wait, and with nobody later', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { asked, ask, nth } = heldQuestion();
    const fault = new Error('down');
    const { signal } = new AbortController();
    const waiting = [flights.join('a', {}, ask), flights.join('a', { signal }, ask)];
    nth(1).reject(fault);
    await expect(waiting[0]).rejects.toBe(fault);
    await expect(waiting[1]).rejects.toBe(fault);
    expect(nth(1).signal.aborted).toBe(false);
    const later = flights.join('a', {}, ask);
    expect(asked).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await later).toBe('yes');
  });

  it('does not share a fault with one who tries again at once, while others still hear of it', async () => {
    const flights = new SingleFlight<string>(() => true);
    const { asked, ask, nth } = heldQuestion();
    const again = flights.join('a', {}, ask).catch(() => flights.join('a', {}, ask));
    const other = flights.join('a', {}, ask);
    nth(1).reject(new Error('down'));
    await expect(other).rejects.toThrow('down');
    await eventLoopTurns();
    expect(asked).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await again).toBe('yes');
  });

  it('leaves no fault unhandled that nobody waits for any more', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { ask, nth } = heldQuestion();
    const controller = new AbortController();
    const leaves = new SingleFlight<string>(() => true).join('a', { signal: controller.signal }, ask);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    nth(1).reject(new Error('down'));
    await eventLoopTurns(2);
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("leaves no listener behind on a waiter's signal", async () => {
    const { ask, nth } = heldQuestion();
    const { signal } = new AbortController();
    const waits = new SingleFlight<string>(() => true).join('a', { signal }, ask);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    nth(1).resolve('yes');
    await waits;
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

  it('waits for that flight to end, and shares the next one with all callers that come meanwhile', async () => {
    const { clock, flights } = flightsAt();
    const { asked, ask, nth } = heldQuestion();
    const early = flights.join('a', { accepts: since(0) }, ask);
    clock.time = 1;
    expect(flights.outlook('a', since(1))).toEqual({ isShared: false, mustWait: true });
    const late = Array.from({ length: 20 }, () => flights.join('a', { accepts: since(1) }, ask));
    expect(flights.outlook('a', since(1))).toEqual({ isShared: true, mustWait: true });
    expect(flights.outlook('a', since(0))).toEqual({ isShared: true, mustWait: false });
    const early2 = flights.join('a', { accepts: since(0) }, ask);
    await eventLoopTurns();
    expect(asked).toHaveLength(1);
    clock.time = 2;
    nth(1).resolve('old');
    expect(await Promise.all([early, early2])).toEqual(['old', 'old']);
    expect(asked).toHaveLength(2);
    expect(flights.outlook('a', since(2))).toEqual({ isShared: true, mustWait: false });
    nth(2).resolve('new');
    expect(await Promise.all(late)).toEqual(Array(20).fill('new'));
    expect(asked).toHaveLength(2);
  });

  it('never causes more than one waiting flight while one flight runs', async () => {
    const { clock, flights } = flightsAt();
    const { asked, ask, nth } = heldQuestion();
    const results: Promise<string>[] = [];
    for (clock.time = 0; clock.time < 5; clock.time++) {
      results.push(flights.join('a', { accepts: since(clock.time) }, ask));
    }
    nth(1).resolve('first');
    await results[0];
    results.push(flights.join('a', { accepts: since(++clock.time) }, ask));
    await eventLoopTurns();
    expect(asked).toHaveLength(2);
    nth(2).resolve('second');
    await results[1];
    await eventLoopTurns();
    nth(3).resolve('third');
    expect(await Promise.all(results)).toEqual(['first', 'second', 'second', 'second', 'second', 'third']);
    expect(asked).toHaveLength(3);
  });

  it('does not get the error of the flight that it waited for', async () => {
    const { clock, flights } = flightsAt();
    const { ask, nth } = heldQuestion();
    const early = flights.join('a', {}, ask);
    clock.time = 1;
    const late = flights.join('a', { accepts: since(1) }, ask);
    nth(1).reject(new Error('down'));
    await expect(early).rejects.toThrow('down');
    nth(2).resolve('yes');
    expect(await late).toBe('yes');
  });

  it('gets its own flight when all callers of the running flight have left, and that one is aborted', async () => {
    const { clock, flights } = flightsAt();
    const { ask, nth } = heldQuestion();
    const controller = new AbortController();
    const early = flights.join('a', { signal: controller.signal }, ask);
    clock.time = 1;
    const late = flights.join('a', { accepts: since(1) }, ask);
    controller.abort('left');
    await expect(early).rejects.toBe('left');
    expect(nth(1).signal.aborted).toBe(true);
    nth(2).resolve('yes');
    expect(await late).toBe('yes');
  });

  it('can leave before its flight has begun, and then that flight never begins', async () => {
    const { clock, flights } = flightsAt();
    const { asked, ask, nth } = heldQuestion();
    const early = flights.join('a', {}, ask);
    clock.time = 1;
    const controller = new AbortController();
    const late = flights.join('a', { accepts: since(1), signal: controller.signal }, ask);
    controller.abort('left');
    await expect(late).rejects.toBe('left');
    expect(flights.outlook('a', since(1))).toEqual({ isShared: false, mustWait: true });
    nth(1).resolve('yes');
    await early;
    await eventLoopTurns();
    expect(asked).toHaveLength(1);
  });

  it('joins the waiting flight after its only caller has left', async () => {
    const { clock, flights } = flightsAt();
    const { ask, nth } = heldQuestion();
    const early = flights.join('a', {}, ask);
    clock.time = 1;
    const controller = new AbortController();
    const leaves = flights.join('a', { accepts: since(1), signal: controller.signal }, ask);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    const stays = flights.join('a', { accepts: since(1) }, ask);
    nth(1).resolve('old');
    await early;
    expect(nth(2).signal.aborted).toBe(false);
    nth(2).resolve('new');
    expect(await stays).toBe('new');
  });
});

describe('on workerd', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('nothing is shared, and each abort ends its own question alone', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const flights = new SingleFlight<string>(() => true);
    const { asked, ask, nth } = heldQuestion();
    const controller = new AbortController();
    const leaves = flights.join('a', { signal: controller.signal }, ask);
    const stays = flights.join('a', {}, ask);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(flights.outlook('a', () => true).isShared).toBe(false);
    nth(2).resolve('yes');
    expect(await stays).toBe('yes');
  });
});
