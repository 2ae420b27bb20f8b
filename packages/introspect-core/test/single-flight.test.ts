import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SingleFlight } from '../src/single-flight.js';

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

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a single flight', () => {
  it('asks once for all who ask the same at the same time', async () => {
    const flights = new SingleFlight<string>();
    const { asked, ask, nth } = heldQuestion();
    const waiting = Array.from({ length: 20 }, () => flights.join('a', undefined, ask));
    nth(1).resolve('yes');
    expect(await Promise.all(waiting)).toEqual(Array(20).fill('yes'));
    expect(asked).toHaveLength(1);
  });

  it('asks once more for another key, and after the answer', async () => {
    const flights = new SingleFlight<string>();
    const { asked, ask, nth } = heldQuestion();
    const first = flights.join('a', undefined, ask);
    const other = flights.join('b', undefined, ask);
    nth(1).resolve('a');
    nth(2).resolve('b');
    expect(await Promise.all([first, other])).toEqual(['a', 'b']);
    const again = flights.join('a', undefined, ask);
    nth(3).resolve('newer');
    expect(await again).toBe('newer');
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([false, false, false]);
  });

  it('knows whether a question runs', async () => {
    const flights = new SingleFlight<string>();
    const { ask, nth } = heldQuestion();
    expect(flights.has('a')).toBe(false);
    const waiting = flights.join('a', undefined, ask);
    expect([flights.has('a'), flights.has('b')]).toEqual([true, false]);
    nth(1).resolve('yes');
    await waiting;
    expect(flights.has('a')).toBe(false);
    const failing = flights.join('a', undefined, ask);
    expect(flights.has('a')).toBe(true);
    nth(2).reject(new Error('down'));
    await expect(failing).rejects.toThrow('down');
    expect(flights.has('a')).toBe(false);
  });

  it("is not ended by one waiter's abort, which rejects with its own reason", async () => {
    const flights = new SingleFlight<string>();
    const { ask, nth } = heldQuestion();
    const controller = new AbortController();
    const leaves = flights.join('a', controller.signal, ask);
    const stays = flights.join('a', new AbortController().signal, ask);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(nth(1).signal.aborted).toBe(false);
    nth(1).resolve('yes');
    expect(await stays).toBe('yes');
  });

  it('aborts the question when the last one leaves, and whoever comes then asks anew', async () => {
    const flights = new SingleFlight<string>();
    const { asked, ask, nth } = heldQuestion();
    const controllers = [new AbortController(), new AbortController()] as const;
    const leave = controllers.map(({ signal }) => flights.join('a', signal, ask));
    controllers[0].abort(1);
    controllers[1].abort(2);
    await Promise.allSettled(leave);
    expect(nth(1).signal.aborted).toBe(true);
    const later = flights.join('a', undefined, ask);
    expect(asked).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await later).toBe('yes');
  });

  it('clears only its own slot: the end of an old question does not split those who wait for a newer one', async () => {
    const flights = new SingleFlight<string>();
    const { asked, ask, nth } = heldQuestion();
    const controller = new AbortController();
    const leaves = flights.join('a', controller.signal, ask);
    controller.abort();
    await expect(leaves).rejects.toBe(controller.signal.reason);
    const second = flights.join('a', undefined, ask);
    nth(1).reject(new Error('aborted'));
    await settled();
    const third = flights.join('a', undefined, ask);
    expect(asked).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await Promise.all([second, third])).toEqual(['yes', 'yes']);
  });

  it('does not ask for one who has left already', async () => {
    const { asked, ask } = heldQuestion();
    await expect(new SingleFlight<string>().join('a', AbortSignal.abort('left'), ask)).rejects.toBe('left');
    expect(asked).toEqual([]);
  });

  it('shares a fault with those who wait, and with nobody later', async () => {
    const flights = new SingleFlight<string>();
    const { asked, ask, nth } = heldQuestion();
    const fault = new Error('down');
    const { signal } = new AbortController();
    const waiting = [flights.join('a', undefined, ask), flights.join('a', signal, ask)];
    nth(1).reject(fault);
    await expect(waiting[0]).rejects.toBe(fault);
    await expect(waiting[1]).rejects.toBe(fault);
    expect(nth(1).signal.aborted).toBe(false);
    const later = flights.join('a', undefined, ask);
    expect(asked).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await later).toBe('yes');
  });

  it('does not share a fault with one who tries again at once, while others still hear of it', async () => {
    const flights = new SingleFlight<string>();
    const { asked, ask, nth } = heldQuestion();
    const again = flights.join('a', undefined, ask).catch(() => flights.join('a', undefined, ask));
    const other = flights.join('a', undefined, ask);
    nth(1).reject(new Error('down'));
    await expect(other).rejects.toThrow('down');
    await settled();
    expect(asked).toHaveLength(2);
    nth(2).resolve('yes');
    expect(await again).toBe('yes');
  });

  it('leaves no fault unhandled that nobody waits for any more', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { ask, nth } = heldQuestion();
    const controller = new AbortController();
    const leaves = new SingleFlight<string>().join('a', controller.signal, ask);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    nth(1).reject(new Error('down'));
    await settled();
    await settled();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("leaves no listener behind on a waiter's signal", async () => {
    const { ask, nth } = heldQuestion();
    const { signal } = new AbortController();
    const waits = new SingleFlight<string>().join('a', signal, ask);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    nth(1).resolve('yes');
    await waits;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('on workerd', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('nothing is shared, and each abort ends its own question alone', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const flights = new SingleFlight<string>();
    const { asked, ask, nth } = heldQuestion();
    const controller = new AbortController();
    const leaves = flights.join('a', controller.signal, ask);
    const stays = flights.join('a', undefined, ask);
    controller.abort('left');
    await expect(leaves).rejects.toBe('left');
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(flights.has('a')).toBe(false);
    nth(2).resolve('yes');
    expect(await stays).toBe('yes');
  });
});
