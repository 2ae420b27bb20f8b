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

/** A client, when it asked, and how a question of it ended. */
function asking(
  reply: Parameters<typeof scriptedTransport>[0],
  { signal, ...options }: Partial<IntrospectionClientOptions> & { signal?: AbortSignal } = {},
) {
  const askedAt: number[] = [];
  const { transport, requests } = scriptedTransport((...told) => {
    askedAt.push(time.passed());
    return reply(...told);
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
  const ask = () => client.introspect('token', signal && { signal }).then(end, end);
  return { client, requests, askedAt, ended, ask };
}

describe('an attempt that hangs', () => {
  it.each([
    [2, 5000, 2500],
    [4, 4000, 1000],
    [2, 900, 450],
  ])('leaves time for the others: of %d attempts in %d ms each has %d ms', async (attempts, timeoutMs, eachMs) => {
    const { ask, askedAt, ended } = asking((_, number) => (number < attempts ? never() : {}), {
      timeoutMs,
      retry: { attempts },
    });
    void ask();
    await time.pass(timeoutMs);
    const times = Array.from({ length: attempts }, (_, index) => index * (eachMs + backoffMs));
    expect(askedAt).toEqual(times);
    expect(ended).toEqual([{ at: times.at(-1), with: { active: true } }]);
  });

  it('has the time that is configured', async () => {
    const { ask, askedAt } = asking((_, number) => (number < 3 ? never() : {}), {
      retry: { attempts: 3, attemptTimeoutMs: 100 },
    });
    void ask();
    await time.pass(300);
    expect(askedAt).toEqual([0, 100 + backoffMs, 200 + 2 * backoffMs]);
  });

  it('has no more than what is left: one deadline is over all attempts', async () => {
    const { ask, askedAt, ended } = asking(never, { timeoutMs: 2500, retry: { attempts: 10, attemptTimeoutMs: 1000 } });
    void ask();
    await time.pass(10_000);
    expect(askedAt).toEqual([0, 1000 + backoffMs, 2000 + 2 * backoffMs]);
    expect(ended).toMatchObject([
      { at: 2500, with: { message: 'https://as.example did not respond within 2500 ms ("timeoutMs")' } },
    ]);
  });
});

describe('Retry-After', () => {
  const busy = (seconds: string) => ({ status: 429, headers: { 'retry-after': seconds } });

  it('is waited for', async () => {
    const { ask, askedAt, ended } = asking((_, number) => (number === 1 ? busy('2') : {}));
    void ask();
    await time.pass(1999);
    expect(askedAt).toEqual([0]);
    await time.pass(1);
    expect([askedAt, ended]).toEqual([[0, 2000], [{ at: 2000, with: { active: true } }]]);
  });

  it('that is longer than the deadline is not, and the caller hears of it at once', async () => {
    const { ask, requests, ended } = asking(() => busy('5'));
    await ask();
    expect(ended).toMatchObject([{ at: 0, with: { code: 'unavailable', retryAfterSeconds: 5 } }]);
    await time.pass(10_000);
    expect(requests).toHaveLength(1);
  });

  it('that is longer than what is left of the deadline is not either', async () => {
    const lateBusy = () => new Promise<ReturnType<typeof busy>>((resolve) => setTimeout(resolve, 2400, busy('3')));
    const { ask, requests, ended } = asking(lateBusy);
    void ask();
    await time.pass(10_000);
    expect(ended).toMatchObject([{ at: 2400, with: { code: 'unavailable', retryAfterSeconds: 3 } }]);
    expect(requests).toHaveLength(1);
  });
});

it('a caller who goes while the next attempt is awaited ends the question at once, and leaves no timer', async () => {
  vi.mocked(Math.random).mockReturnValue(0.9);
  const controller = new AbortController();
  const { ask, requests, ended } = asking(() => ({ status: 503 }), { signal: controller.signal });
  void ask();
  await time.pass(50);
  controller.abort('gone');
  await time.pass(0);
  expect(ended).toEqual([{ at: 50, with: 'gone' }]);
  expect(vi.getTimerCount()).toBe(0);
  await time.pass(1000);
  expect(requests).toHaveLength(1);
});

describe('an outage', () => {
  it('is not doubled: beside 200 questions that fail there are at most 20 further attempts', async () => {
    const { ask, requests } = asking(() => ({ status: 503 }));
    for (let i = 0; i < 200; i++) {
      void ask();
      await time.pass(10);
    }
    expect(requests.length).toBeGreaterThan(203);
    expect(requests.length).toBeLessThanOrEqual(220);
  });

  it('is not doubled by a thousand questions at once, each with ten attempts', async () => {
    const { ask, requests } = asking(() => ({ status: 503 }), { retry: { attempts: 10 } });
    const questions = Array.from({ length: 1000 }, ask);
    await time.pass(5000);
    await Promise.all(questions);
    expect(requests.length).toBeLessThanOrEqual(1100);
  });

  it('of a moment is no error for a quiet client', async () => {
    const { ask, ended } = asking((_, number) => (number % 2 === 1 ? { status: 503 } : {}));
    for (let i = 0; i < 3; i++) {
      void ask();
      await time.pass(1);
    }
    expect(ended.map((each) => each.with)).toEqual(Array(3).fill({ active: true }));
  });

  it('that is long over has used up nothing', async () => {
    let failures = Number.POSITIVE_INFINITY;
    const { ask, requests, ended } = asking(() => (failures-- > 0 ? { status: 503 } : {}));
    for (let i = 0; i < 9; i++) {
      void ask();
      await time.pass(1);
    }
    expect(requests).toHaveLength(9 + 3);
    await time.pass(10_000);
    failures = 1;
    void ask();
    await time.pass(1);
    expect(ended.at(-1)?.with).toEqual({ active: true });
  });
});
