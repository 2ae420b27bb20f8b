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

/** Returns an authorizer whose server responds after 20 ms, and the times of its requests. */
function setup(options: Partial<AuthorizerOptions>) {
  const sentAt: number[] = [];
  const { transport } = scriptedTransport(async (token) => {
    sentAt.push(time.passed());
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { body: { active: token.startsWith('user') } };
  });
  return { authorizer: new Authorizer({ ...scripted, ...time.clocks, transport, ...options }), sentAt };
}

/** The most that lie in any second; the times are in their order. */
function mostInASecond(times: readonly number[]): number {
  return Math.max(...times.map((at, i) => times.slice(i).filter((each) => each < at + 1000).length));
}

const users = Array.from({ length: 20 }, (_, i) => `user-${i}`);

describe('500 random tokens a second do not fail 20 users with valid tokens, at 40 requests a second,', () => {
  it.each([
    ['whose responses are refreshed', { maxAgeSeconds: 6, refreshAfterSeconds: 3 }],
    ['whose responses expire', { maxAgeSeconds: 3, refreshAfterSeconds: false as const }],
  ])('%s', async (_, cache) => {
    const perSecond = 40;
    const { authorizer, sentAt } = setup({ cache, limits: { perSecond } });
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

    expect(mostInASecond(sentAt)).toBeLessThanOrEqual(perSecond);
    expect(served.failures).toHaveLength(0);
    expect(served.users).toBe(20 * 101);
    expect(served.unknown.unavailable).toBeGreaterThan(4000);
    expect(served.unknown.invalid_token).toBeGreaterThan(200);
    expect(served.hasty).toBe(0);
  });
});

describe('40 tokens, each used ten times a second', () => {
  it.each([
    ['renewed after 10 s', { maxAgeSeconds: 30, refreshAfterSeconds: 10 }],
    ['cached for 10 s', { maxAgeSeconds: 10, refreshAfterSeconds: false as const }],
  ])('cost at most 4 requests a second plus 5 %% when their responses are %s', async (_, cache) => {
    const tokens = Array.from({ length: 40 }, (_, i) => `user-${i}`);
    const { authorizer, sentAt } = setup({ cache });
    for (let step = 0; step < 1000; step++) {
      const requests = tokens.map((token) => authorizer.authorize(`Bearer ${token}`));
      await time.pass(100);
      await Promise.all(requests);
    }
    const afterTheFirst = sentAt.length - tokens.length;
    expect(afterTheFirst).toBeLessThanOrEqual((40 / 10) * 100 * 1.05);
    expect(afterTheFirst).toBeGreaterThanOrEqual((40 / 10) * 100 * 0.85);
  });
});
