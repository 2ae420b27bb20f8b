import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IntrospectionClient, type IntrospectionClientOptions } from '../../src/index.js';
import { never, scripted, scriptedTransport } from '../support/scripted-transport.js';
import { virtualTime } from '../support/virtual-time.js';

/** The shortest wait before an attempt: a timer of nothing takes 1 ms. */
const backoffMs = 1;

let time: ReturnType<typeof virtualTime>;
beforeEach(() => {
  time = virtualTime();
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Returns a client, the times of its requests, and how its calls ended. */
function setup(
  reply: Parameters<typeof scriptedTransport>[0],
  { signal, ...options }: Partial<IntrospectionClientOptions> & { signal?: AbortSignal } = {},
) {
  const sentAt: number[] = [];
  const { transport, requests } = scriptedTransport((...request) => {
    sentAt.push(time.passed());
    return reply(...request);
  });
  const client = new IntrospectionClient({
    ...scripted,
    ...time.clocks,
    transport,
    circuitBreaker: false,
    ...options,
  });
  const ended: { at: number; with: unknown }[] = [];
  const end = (outcome: unknown) => ended.push({ at: time.passed(), with: outcome });
  const introspect = () => client.introspect('token', signal && { signal }).then(end, end);
  return { client, requests, sentAt, ended, introspect };
}

describe('an attempt that hangs', () => {
  it.each([
    [2, 5000, 2500],
    [4, 4000, 1000],
    [2, 900, 450],
  ])('leaves time for the others: %d attempts in %d ms have %d ms each', async (attempts, timeoutMs, eachMs) => {
    const { introspect, sentAt, ended } = setup((_, number) => (number < attempts ? never() : {}), {
      timeoutMs,
      retry: { attempts },
    });
    void introspect();
    await time.pass(timeoutMs);
    const times = Array.from({ length: attempts }, (_, index) => index * (eachMs + backoffMs));
    expect(sentAt).toEqual(times);
    expect(ended).toEqual([{ at: times.at(-1), with: { active: true } }]);
  });

  it('has the time of attemptTimeoutMs', async () => {
    const { introspect, sentAt } = setup((_, number) => (number < 3 ? never() : {}), {
      retry: { attempts: 3, attemptTimeoutMs: 100 },
    });
    void introspect();
    await time.pass(300);
    expect(sentAt).toEqual([0, 100 + backoffMs, 200 + 2 * backoffMs]);
  });

  it('has no more than the time that is left, because one deadline covers all attempts', async () => {
    const { introspect, sentAt, ended } = setup(never, {
      timeoutMs: 2500,
      retry: { attempts: 10, attemptTimeoutMs: 1000 },
    });
    void introspect();
    await time.pass(10_000);
    expect(sentAt).toEqual([0, 1000 + backoffMs, 2000 + 2 * backoffMs]);
    expect(ended).toMatchObject([
      { at: 2500, with: { message: 'https://as.example did not respond within 2500 ms ("timeoutMs")' } },
    ]);
  });
});

describe('Retry-After', () => {
  const busy = (seconds: string) => ({ status: 429, headers: { 'retry-after': seconds } });

  it('is the time before the next attempt', async () => {
    const { introspect, sentAt, ended } = setup((_, number) => (number === 1 ? busy('2') : {}));
    void introspect();
    await time.pass(1999);
    expect(sentAt).toEqual([0]);
    await time.pass(1);
    expect([sentAt, ended]).toEqual([[0, 2000], [{ at: 2000, with: { active: true } }]]);
  });

  it('longer than the deadline → no retry, and the caller gets the error immediately', async () => {
    const { introspect, requests, ended } = setup(() => busy('5'));
    await introspect();
    expect(ended).toMatchObject([{ at: 0, with: { code: 'unavailable', retryAfterSeconds: 5 } }]);
    await time.pass(10_000);
    expect(requests).toHaveLength(1);
  });

  it('longer than the rest of the deadline → no retry', async () => {
    const lateBusy = () => new Promise<ReturnType<typeof busy>>((resolve) => setTimeout(resolve, 2400, busy('3')));
    const { introspect, requests, ended } = setup(lateBusy);
    void introspect();
    await time.pass(10_000);
    expect(ended).toMatchObject([{ at: 2400, with: { code: 'unavailable', retryAfterSeconds: 3 } }]);
    expect(requests).toHaveLength(1);
  });
});

it('a caller who aborts before the next attempt ends the call immediately, and leaves no timer', async () => {
  vi.mocked(Math.random).mockReturnValue(0.9);
  const controller = new AbortController();
  const { introspect, requests, ended } = setup(() => ({ status: 503 }), { signal: controller.signal });
  void introspect();
  await time.pass(50);
  controller.abort('gone');
  await time.pass(0);
  expect(ended).toEqual([{ at: 50, with: 'gone' }]);
  expect(vi.getTimerCount()).toBe(0);
  await time.pass(1000);
  expect(requests).toHaveLength(1);
});

describe('the load of an outage', () => {
  it('is not doubled: 200 failing calls have at most 20 retries', async () => {
    const { introspect, requests } = setup(() => ({ status: 503 }));
    for (let i = 0; i < 200; i++) {
      void introspect();
      await time.pass(10);
    }
    expect(requests.length).toBeGreaterThan(203);
    expect(requests.length).toBeLessThanOrEqual(220);
  });

  it('is not doubled by a thousand concurrent calls with ten attempts each', async () => {
    const { introspect, requests } = setup(() => ({ status: 503 }), { retry: { attempts: 10 } });
    const calls = Array.from({ length: 1000 }, introspect);
    await time.pass(5000);
    await Promise.all(calls);
    expect(requests.length).toBeLessThanOrEqual(1100);
  });

  it('is small for a client with few calls: each failure is retried', async () => {
    const { introspect, ended } = setup((_, number) => (number % 2 === 1 ? { status: 503 } : {}));
    for (let i = 0; i < 3; i++) {
      void introspect();
      await time.pass(1);
    }
    expect(ended.map((each) => each.with)).toEqual(Array(3).fill({ active: true }));
  });

  it('from long ago does not count for the budget', async () => {
    let failures = Number.POSITIVE_INFINITY;
    const { introspect, requests, ended } = setup(() => (failures-- > 0 ? { status: 503 } : {}));
    for (let i = 0; i < 9; i++) {
      void introspect();
      await time.pass(1);
    }
    expect(requests).toHaveLength(9 + 3);
    await time.pass(10_000);
    failures = 1;
    void introspect();
    await time.pass(1);
    expect(ended.at(-1)?.with).toEqual({ active: true });
  });
});
