import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RateLimiter, rateLimiter } from '../../src/client/rate-limiter.js';
import { isShedByLimits, withTraits } from '../../src/errors/failure-traits.js';
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
  const started: { name: string; at: number }[] = [];
  const rejected: { name: string; at: number; error: unknown }[] = [];
  const acquire = (name: string, { priority = 'normal' as Priority, leftMs = 5000, signal = signalOfNobody } = {}) =>
    limiter.acquire(priority, { leftMs, signal }).then(
      () => void started.push({ name, at: time.passed() }),
      (error) => void rejected.push({ name, at: time.passed(), error }),
    );
  /** A call that releases its slot as soon as it has it. */
  const pass = (...[name, options]: Parameters<typeof acquire>) =>
    acquire(name, options).then(
      () => void (started.some((each) => each.name === name) && limiter.release({ isSent: true })),
    );
  return { limiter, acquire, pass, started, rejected, names: () => started.map(({ name }) => name) };
}
const { signal: signalOfNobody } = new AbortController();

describe('calls with a limit "concurrent"', () => {
  it('start up to the limit, and each that ends lets the next one start', async () => {
    const { limiter, acquire, names } = limitsOf({ concurrent: 2 });
    for (const name of ['a', 'b', 'c', 'd']) void acquire(name);
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

  it('wait for at most half of their time', async () => {
    const { limiter, acquire, rejected } = limitsOf({ concurrent: 1 });
    void acquire('a');
    void acquire('b', { leftMs: 1000 });
    await time.pass(499);
    expect([rejected, limiter.queued]).toEqual([[], 1]);
    await time.pass(1);
    expect(rejected).toMatchObject([{ name: 'b', at: 500, error: { code: 'unavailable', retryAfterSeconds: 1 } }]);
    expect(limiter.queued).toBe(0);
  });

  it.each(['low', 'normal', 'high'] as const)(
    'wait in a queue of at most a thousand of priority "%s"; further calls are rejected immediately',
    async (priority) => {
      const { limiter, acquire, rejected } = limitsOf({ concurrent: 1 });
      for (let i = 0; i < 1003; i++) void acquire(String(i), { priority });
      await time.pass(0);
      expect(limiter.queued).toBe(1000);
      expect(rejected.map(({ name }) => name)).toEqual(['1001', '1002']);
    },
  );
});

describe('calls with a limit "perSecond"', () => {
  it.each([1, 7, 40])('start at most %d times in any second, and all of them get a slot in time', async (perSecond) => {
    const { pass, started, rejected } = limitsOf({ perSecond });
    const many = perSecond * 8;
    for (let i = 0; i < many; i++) {
      void pass(String(i), { leftMs: 20_000 });
      await time.pass(Math.random() < 0.1 ? Math.floor(Math.random() * 400) : 0);
    }
    await time.pass(10_000);
    expect([started.length, rejected]).toEqual([many, []]);
    for (const { at } of started) {
      expect(started.filter((each) => each.at >= at && each.at < at + 1000).length).toBeLessThanOrEqual(perSecond);
    }
  });

  it('start immediately after a quiet second, and the others as soon as the limit permits', async () => {
    const { pass, started } = limitsOf({ perSecond: 2 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) void pass(name);
    await time.pass(2400);
    expect(started).toEqual([
      { name: 'a', at: 0 },
      { name: 'b', at: 0 },
      { name: 'c', at: 1001 },
      { name: 'd', at: 1001 },
      { name: 'e', at: 2002 },
    ]);
  });

  it('count from the end of their request, and do not count if no request was sent', async () => {
    const { limiter, acquire, started } = limitsOf({ perSecond: 2 });
    for (const name of ['a', 'b', 'c', 'd']) void acquire(name);
    await time.pass(300);
    limiter.release({ isSent: true });
    limiter.release({ isSent: false });
    await time.pass(0);
    expect(started.map(({ name, at }) => [name, at])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 300],
    ]);
    await time.pass(1001);
    expect(started.at(-1)).toEqual({ name: 'd', at: 1301 });
  });

  it('are rejected immediately, with Retry-After, if they would wait for more than half of their time', async () => {
    const { acquire, pass, rejected } = limitsOf({ perSecond: 2 });
    void pass('a');
    await time.pass(500);
    for (const name of ['b', 'c', 'd']) void acquire(name, { leftMs: 2000 });
    await time.pass(0);
    expect(rejected).toMatchObject([
      {
        name: 'd',
        at: 500,
        error: {
          message: 'https://as.example is not being called: too many calls are waiting ("limits")',
          retryAfterSeconds: 2,
        },
      },
    ]);
    void acquire('e', { leftMs: 10_000 });
    void acquire('f', { leftMs: 1000 });
    await time.pass(0);
    expect(rejected.slice(1)).toMatchObject([{ name: 'f', at: 500, error: { retryAfterSeconds: 2 } }]);
  });
});

describe('when a limit is reached', () => {
  it('calls of high priority start before the others, and those of low priority after them', async () => {
    const { limiter, acquire, names } = limitsOf({ concurrent: 1 });
    void acquire('started');
    for (const priority of ['low', 'normal', 'high', 'low', 'normal', 'high'] as const) {
      void acquire(priority, { priority });
    }
    for (let i = 0; i < 6; i++) {
      await time.pass(1);
      limiter.release({ isSent: true });
    }
    await time.pass(1);
    expect(names()).toEqual(['started', 'high', 'high', 'normal', 'normal', 'low', 'low']);
  });

  it('no new call overtakes waiting ones, except one of high priority', async () => {
    const { limiter, acquire, names } = limitsOf({ concurrent: 2, perSecond: 2 });
    void acquire('a');
    void acquire('b');
    void acquire('c');
    limiter.release({ isSent: true });
    limiter.release({ isSent: true });
    await time.pass(999);
    vi.setSystemTime(Date.now() + 2); // before the timer that wakes the next one
    void acquire('d', { priority: 'high' });
    void acquire('e');
    await time.pass(1);
    expect(names()).toEqual(['a', 'b', 'd', 'c']);
  });

  it('calls of low priority are rejected first', async () => {
    const { pass, names, rejected } = limitsOf({ perSecond: 1 });
    void pass('started');
    await time.pass(0);
    void pass('last', { priority: 'low' });
    void pass('normal');
    void pass('another last', { priority: 'low' });
    void pass('first', { priority: 'high' });
    await time.pass(5000);
    expect(names()).toEqual(['started', 'first', 'normal']);
    expect(rejected).toMatchObject([
      { name: 'another last', at: 0, error: { retryAfterSeconds: 4 } },
      { name: 'last', at: 2500, error: { retryAfterSeconds: 1 } },
    ]);
  });

  it('an aborted call leaves the queue, without a timer or a listener', async () => {
    const { limiter, acquire, names, rejected } = limitsOf({ concurrent: 1 });
    const controller = new AbortController();
    void acquire('a');
    void acquire('b', { signal: controller.signal });
    void acquire('c');
    await time.pass(1);
    controller.abort('gone');
    await time.pass(0);
    expect(rejected).toEqual([{ name: 'b', at: 1, error: 'gone' }]);
    limiter.release({ isSent: true });
    await time.pass(1);
    expect([names(), limiter.queued]).toEqual([['a', 'c'], 0]);
    expect([getEventListeners(controller.signal, 'abort'), vi.getTimerCount()]).toEqual([[], 0]);
  });

  it('no call waits on workerd, where another request cannot settle its promise', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    const { limiter, acquire, names, rejected } = limitsOf({ perSecond: 1 });
    for (const name of ['a', 'b']) void acquire(name, { priority: 'high' });
    await time.pass(0);
    expect([names(), limiter.queued]).toEqual([['a'], 0]);
    expect(rejected).toMatchObject([{ name: 'b', at: 0, error: { code: 'unavailable', retryAfterSeconds: 2 } }]);
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
    ['does not count a call that the circuit breaker shed after it waited', 'circuit_breaker' as const, 2],
    ['counts every other failure', undefined, 1],
  ])('%s', async (_, shedBy, sent) => {
    const stage = rateLimiter(limiterOf({ perSecond: 1 }), () => {});
    const { next, calls } = scriptedNext(withTraits(new Error('x'), shedBy ? { shedBy } : {}));
    for (let i = 0; i < 2; i++) await stage(introspectionCall({ leftMs: () => 1 }), next).catch(() => {});
    expect(calls).toHaveLength(sent);
  });

  it('calls onShed with the call that it sheds, before it throws', async () => {
    const rejected: unknown[] = [];
    const limiter = limiterOf({ perSecond: 1 });
    const stage = rateLimiter(limiter, (call) => void rejected.push(call));
    const call = introspectionCall({ leftMs: () => 1, priority: 'low' });
    await stage(call, scriptedNext().next);
    const error = await stage(call, scriptedNext().next).catch((error: unknown) => error);
    expect([isShedByLimits(error), rejected]).toEqual([true, [call]]);
    const breaker = new Error('the breaker is open');
    const telling = rateLimiter(limiter, () => {
      throw breaker;
    });
    await expect(telling(call, scriptedNext().next)).rejects.toBe(breaker);
  });

  it('throws the reason of the abort when the caller aborts while it waits, and calls no onShed', async () => {
    const stage = rateLimiter(limiterOf({ concurrent: 1 }), expectNoRejection);
    void stage(introspectionCall(), () => new Promise(() => {}));
    const controller = new AbortController();
    const waiting = stage(introspectionCall({ signal: controller.signal }), scriptedNext().next);
    controller.abort('gone');
    await expect(waiting).rejects.toBe('gone');
  });
});
