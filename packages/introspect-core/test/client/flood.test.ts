import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Authorizer, type AuthorizerOptions } from '../../src/index.js';
import { scripted, scriptedTransport } from '../support/scripted-transport.js';
import { virtualTime } from '../support/virtual-time.js';

let time: ReturnType<typeof virtualTime>;
beforeEach(() => {
  time = virtualTime();
});
afterEach(() => {
  vi.useRealTimers();
});

/** An authorizer, whose server takes 20 ms for an answer, and when that was asked. */
function asking(options: Partial<AuthorizerOptions>) {
  const askedAt: number[] = [];
  const { transport } = scriptedTransport(async (token) => {
    askedAt.push(time.passed());
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { body: { active: token.startsWith('user') } };
  });
  return { authorizer: new Authorizer({ ...scripted, ...time.clocks, transport, ...options }), askedAt };
}

/** The most that lie in any second; the times are in their order. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((at, i) => times.slice(i).filter((each) => each < at + 1000).length));
}

const users = Array.from({ length: 20 }, (_, i) => `user-${i}`);

describe('500 random tokens a second beside 20 good users, with 40 questions a second', () => {
  it.each([
    ['whose answers are renewed', { maxAgeSeconds: 6, refreshAfterSeconds: 3 }],
    ['whose answers end', { maxAgeSeconds: 3 }],
  ])('%s', async (_, cache) => {
    const perSecond = 40;
    const { authorizer, askedAt } = asking({ cache, limits: { perSecond } });
    const served = { users: 0, failures: [] as unknown[], unknown: {} as Record<string, number>, hasty: 0 };
    const asUser = (user: string) =>
      authorizer.authorize(`Bearer ${user}`).then(
        () => void served.users++,
        (error) => void served.failures.push(error),
      );
    const asNobody = (token: string) =>
      authorizer.authorize(`Bearer ${token}`).catch(({ code, retryAfterSeconds }) => {
        served.unknown[code] = (served.unknown[code] ?? 0) + 1;
        if (code === 'unavailable' && !(retryAfterSeconds >= 1)) served.hasty++;
      });

    await Promise.all([...users.map(asUser), time.pass(20)]);
    const requests: Promise<unknown>[] = [];
    for (let step = 0; step < 1000; step++) {
      for (let i = 0; i < 5; i++) requests.push(asNobody(`random-${step}-${i}`));
      if (step % 10 === 0) requests.push(...users.map(asUser));
      await time.pass(10);
    }
    await time.pass(5000);
    await Promise.all(requests);

    expect(mostInASecond(askedAt)).toBeLessThanOrEqual(perSecond);
    expect(served.failures).toHaveLength(0);
    expect(served.users).toBe(20 * 101);
    expect(served.unknown.unavailable).toBeGreaterThan(4000);
    expect(served.unknown.invalid_token).toBeGreaterThan(200);
    expect(served.hasty).toBe(0);
  });
});

describe('40 tokens in use, asked about ten times a second each', () => {
  it.each([
    ['renewed after 10 s', { maxAgeSeconds: 30, refreshAfterSeconds: 10 }],
    ['kept for 10 s', { maxAgeSeconds: 10 }],
  ])('cost no more than 4 questions a second and 5 %% when their answers are %s', async (_, cache) => {
    const tokens = Array.from({ length: 40 }, (_, i) => `user-${i}`);
    const { authorizer, askedAt } = asking({ cache });
    for (let step = 0; step < 1000; step++) {
      const requests = tokens.map((token) => authorizer.authorize(`Bearer ${token}`));
      await time.pass(100);
      await Promise.all(requests);
    }
    const afterTheFirst = askedAt.length - tokens.length;
    expect(afterTheFirst).toBeLessThanOrEqual((40 / 10) * 100 * 1.05);
    expect(afterTheFirst).toBeGreaterThanOrEqual((40 / 10) * 100 * 0.85);
  });
});
