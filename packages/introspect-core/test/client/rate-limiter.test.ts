import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RateLimiter, rateLimiter } from '../../src/client/rate-limiter.js';
import { isShed, withTraits } from '../../src/errors/failure-traits.js';
import type { Priority } from '../../src/events/events.js';
import { introspectionCall, scriptedNext } from '../support/introspection-call.js';
import { virtualTime } from '../support/virtual-time.js';

let time: ReturnType<typeof virtualTime>;
beforeEach(() => {
  time = virtualTime();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Limits, and what became of those who came: their names in the order in which they began or were turned away. */
function limitsOf(settings: { concurrent?: number; perSecond?: number }) {
  const { POSITIVE_INFINITY } = Number;
  const limiter = new RateLimiter(
    { concurrent: POSITIVE_INFINITY, perSecond: POSITIVE_INFINITY, ...settings },
    { origin: 'https://as.example', ...time.clocks },
  );
  const begun: { name: string; at: number }[] = [];
  const refused: { name: string; at: number; error: unknown }[] = [];
  const come = (name: string, { priority = 'normal' as Priority, leftMs = 5000, signal = signalOfNobody } = {}) =>
    limiter.acquire(priority, { leftMs, signal }).then(
      () => void begun.push({ name, at: time.passed() }),
      (error) => void refused.push({ name, at: time.passed(), error }),
    );
  /** One whose question is answered as soon as it has begun. */
  const pass = (...[name, options]: Parameters<typeof come>) =>
    come(name, options).then(
      () => void (begun.some((each) => each.name === name) && limiter.release({ isSent: true })),
    );
  return { limiter, come, pass, begun, refused, names: () => begun.map(({ name }) => name) };
}
const { signal: signalOfNobody } = new AbortController();

describe('a number at a time', () => {
  it('begin, and each that ends makes room for one', async () => {
    const { limiter, come, names } = limitsOf({ concurrent: 2 });
    for (const name of ['a', 'b', 'c', 'd']) void come(name);
    await time.pass(1);
    expect([names(), limiter.queued]).toEqual([['a', 'b'], 2]);
    limiter.release({ isSent: true });
    await time.pass(1);
    expect([names(), limiter.queued]).toEqual([['a', 'b', 'c'], 1]);
    limiter.release({ isSent: true });
    limiter.release({ isSent: true });
    limiter.release({ isSent: true });
    await time.pass(1);
    expect([names(), limiter.queued]).toEqual([['a', 'b', 'c', 'd'], 0]);
  });

  it('wait no longer than half of the time that they have', async () => {
    const { limiter, come, refused } = limitsOf({ concurrent: 1 });
    void come('a');
    void come('b', { leftMs: 1000 });
    await time.pass(499);
    expect([refused, limiter.queued]).toEqual([[], 1]);
    await time.pass(1);
    expect(refused).toMatchObject([{ name: 'b', at: 500, error: { code: 'unavailable', retryAfterSeconds: 1 } }]);
    expect(limiter.queued).toBe(0);
  });

  it('wait up to a thousand; whoever comes then is turned away at once', async () => {
    const { limiter, come, refused } = limitsOf({ concurrent: 1 });
    for (let i = 0; i < 1003; i++) void come(String(i));
    await time.pass(0);
    expect(limiter.queued).toBe(1000);
    expect(refused.map(({ name }) => name)).toEqual(['1001', '1002']);
  });
});

describe('a number in a second', () => {
  it.each([1, 7, 40])('is never more than %d, in whichever second, and all are answered in time', async (perSecond) => {
    const { pass, begun, refused } = limitsOf({ perSecond });
    const many = perSecond * 8;
    for (let i = 0; i < many; i++) {
      void pass(String(i), { leftMs: 20_000 });
      await time.pass(Math.random() < 0.1 ? Math.floor(Math.random() * 400) : 0);
    }
    await time.pass(10_000);
    expect([begun.length, refused]).toEqual([many, []]);
    for (const { at } of begun) {
      expect(begun.filter((each) => each.at >= at && each.at < at + 1000).length).toBeLessThanOrEqual(perSecond);
    }
  });

  it('begin at once after a quiet second, and the others as soon as they may', async () => {
    const { pass, begun } = limitsOf({ perSecond: 2 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) void pass(name);
    await time.pass(2400);
    expect(begun).toEqual([
      { name: 'a', at: 0 },
      { name: 'b', at: 0 },
      { name: 'c', at: 1001 },
      { name: 'd', at: 1001 },
      { name: 'e', at: 2002 },
    ]);
  });

  it('count from the end of a question, before which the server has seen it, and not where it was not asked', async () => {
    const { limiter, come, begun } = limitsOf({ perSecond: 2 });
    for (const name of ['a', 'b', 'c', 'd']) void come(name);
    await time.pass(300);
    limiter.release({ isSent: true });
    limiter.release({ isSent: false });
    await time.pass(0);
    expect(begun.map(({ name, at }) => [name, at])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 300],
    ]);
    await time.pass(1001);
    expect(begun.at(-1)).toEqual({ name: 'd', at: 1301 });
  });

  it('turns away at once whom it would let wait for more than half of the time, and says for how long', async () => {
    const { come, pass, refused } = limitsOf({ perSecond: 2 });
    void pass('a');
    await time.pass(500);
    for (const name of ['b', 'c', 'd']) void come(name, { leftMs: 2000 });
    await time.pass(0);
    expect(refused).toMatchObject([
      {
        name: 'd',
        at: 500,
        error: {
          message: 'Request to https://as.example rejected: too many requests are queued ("limits")',
          retryAfterSeconds: 2,
        },
      },
    ]);
    void come('e', { leftMs: 10_000 });
    void come('f', { leftMs: 1000 });
    await time.pass(0);
    expect(refused.slice(1)).toMatchObject([{ name: 'f', at: 500, error: { retryAfterSeconds: 2 } }]);
  });
});

describe('when a limit bites', () => {
  it('the first go before the others, and the last after them', async () => {
    const { limiter, come, names } = limitsOf({ concurrent: 1 });
    void come('begun');
    for (const priority of ['low', 'normal', 'high', 'low', 'normal', 'high'] as const) {
      void come(priority, { priority });
    }
    for (let i = 0; i < 6; i++) {
      await time.pass(1);
      limiter.release({ isSent: true });
    }
    await time.pass(1);
    expect(names()).toEqual(['begun', 'high', 'high', 'normal', 'normal', 'low', 'low']);
  });

  it('nobody passes those who wait, except one who goes first', async () => {
    const { limiter, come, names } = limitsOf({ concurrent: 2, perSecond: 2 });
    void come('a');
    void come('b');
    void come('c');
    limiter.release({ isSent: true });
    limiter.release({ isSent: true });
    await time.pass(999);
    vi.setSystemTime(Date.now() + 2); // before the timer that wakes the next one
    void come('d', { priority: 'high' });
    void come('e');
    await time.pass(1);
    expect(names()).toEqual(['a', 'b', 'd', 'c']);
  });

  it('the last are the first to be turned away', async () => {
    const { pass, names, refused } = limitsOf({ perSecond: 1 });
    void pass('begun');
    await time.pass(0);
    void pass('last', { priority: 'low' });
    void pass('normal');
    void pass('another last', { priority: 'low' });
    void pass('first', { priority: 'high' });
    await time.pass(5000);
    expect(names()).toEqual(['begun', 'first', 'normal']);
    expect(refused).toMatchObject([
      { name: 'another last', at: 0, error: { retryAfterSeconds: 4 } },
      { name: 'last', at: 2500, error: { retryAfterSeconds: 1 } },
    ]);
  });

  it('whoever goes away leaves the queue, and nothing behind', async () => {
    const { limiter, come, names, refused } = limitsOf({ concurrent: 1 });
    const controller = new AbortController();
    void come('a');
    void come('b', { signal: controller.signal });
    void come('c');
    await time.pass(1);
    controller.abort('gone');
    await time.pass(0);
    expect(refused).toEqual([{ name: 'b', at: 1, error: 'gone' }]);
    limiter.release({ isSent: true });
    await time.pass(1);
    expect([names(), limiter.queued]).toEqual([['a', 'c'], 0]);
    expect([getEventListeners(controller.signal, 'abort'), vi.getTimerCount()]).toEqual([[], 0]);
  });

  it('nobody waits on workerd, where nobody else can end that', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const { limiter, come, names, refused } = limitsOf({ perSecond: 1 });
    for (const name of ['a', 'b']) void come(name, { priority: 'high' });
    await time.pass(0);
    expect([names(), limiter.queued]).toEqual([['a'], 0]);
    expect(refused).toMatchObject([{ name: 'b', at: 0, error: { code: 'unavailable', retryAfterSeconds: 2 } }]);
  });
});

describe('the stage rateLimiter', () => {
  const limiterOf = (settings: { concurrent?: number; perSecond?: number }) => {
    const unlimited = { concurrent: Number.POSITIVE_INFINITY, perSecond: Number.POSITIVE_INFINITY };
    return new RateLimiter({ ...unlimited, ...settings }, { origin: 'https://as.example', ...time.clocks });
  };
  const expectNoRejection = () => expect.unreachable();

  it('without limits calls the rest synchronously', () => {
    const { next, calls } = scriptedNext();
    void rateLimiter(undefined, expectNoRejection)(introspectionCall(), next);
    expect(calls).toHaveLength(1);
  });

  it.each([
    ['a response', { active: true } as const],
    ['a failure', new Error('x')],
  ])('frees the slot after %s', async (_, result) => {
    const stage = rateLimiter(limiterOf({ concurrent: 1 }), expectNoRejection);
    const { next, calls } = scriptedNext(result);
    const first = stage(introspectionCall(), next).catch(() => {});
    const second = stage(introspectionCall(), next);
    await time.pass(1);
    await Promise.all([first, second]);
    expect(calls).toHaveLength(2);
  });

  it.each([
    ['does not count a call that the circuit breaker rejected after it waited', 'circuit_breaker' as const, 2],
    ['counts every other failure', undefined, 1],
  ])('%s', async (_, rejectedBy, sent) => {
    const stage = rateLimiter(limiterOf({ perSecond: 1 }), () => {});
    const { next, calls } = scriptedNext(withTraits(new Error('x'), rejectedBy ? { rejectedBy } : {}));
    for (let i = 0; i < 2; i++) await stage(introspectionCall({ leftMs: () => 1 }), next).catch(() => {});
    expect(calls).toHaveLength(sent);
  });

  it('calls onReject with the call that it rejects, before it throws', async () => {
    const rejected: unknown[] = [];
    const limiter = limiterOf({ perSecond: 1 });
    const stage = rateLimiter(limiter, (call) => void rejected.push(call));
    const call = introspectionCall({ leftMs: () => 1, priority: 'low' });
    await stage(call, scriptedNext().next);
    const error = await stage(call, scriptedNext().next).catch((error: unknown) => error);
    expect([isShed(error), rejected]).toEqual([true, [call]]);
    const breaker = new Error('the breaker is open');
    const telling = rateLimiter(limiter, () => {
      throw breaker;
    });
    await expect(telling(call, scriptedNext().next)).rejects.toBe(breaker);
  });

  it('throws the reason of the abort when the caller leaves while it waits, and calls no onReject', async () => {
    const stage = rateLimiter(limiterOf({ concurrent: 1 }), expectNoRejection);
    void stage(introspectionCall(), () => new Promise(() => {}));
    const controller = new AbortController();
    const waiting = stage(introspectionCall({ signal: controller.signal }), scriptedNext().next);
    controller.abort('gone');
    await expect(waiting).rejects.toBe('gone');
  });
});
