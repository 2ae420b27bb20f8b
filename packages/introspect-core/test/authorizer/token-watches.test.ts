import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Decision } from '../../src/authorizer/decision.js';
import { TokenWatches, type WatchedConnection } from '../../src/authorizer/token-watches.js';
import { UnavailableError } from '../../src/index.js';
import { eventLoopTurns } from '../support/event-loop.js';
import { virtualTime } from '../support/virtual-time.js';

let time: ReturnType<typeof virtualTime>;
beforeEach(() => {
  time = virtualTime();
});
afterEach(() => void vi.useRealTimers());

const allowed = { allowed: true, token: { active: true } } as object as Decision;
const failed = { allowed: false, error: new UnavailableError('down') } as object as Decision;

/** Watches whose cached responses are fresh for this time. */
const watchesOf = (freshForMs: number | undefined) => new TokenWatches(time.clocks, 0, async () => freshForMs);

/** A connection, with a `decide` that records when it is called. */
function connectionOf(token: string | undefined, { maxResponseAgeMs = Number.POSITIVE_INFINITY, exp = 0 } = {}) {
  const calls: number[] = [];
  const decide = vi.fn<WatchedConnection['decide']>(async () => {
    calls.push(time.passed());
    return allowed;
  });
  const granted = { active: true as const, ...(exp > 0 && { exp: time.clocks.now() / 1000 + exp }) };
  const connection: WatchedConnection = { token, granted, maxResponseAgeMs, decide, controller: new AbortController() };
  return { connection, decide, calls };
}

describe('TokenWatches: when a token is checked', () => {
  it.each([
    ['when its cached response is too old', 30_000, Number.POSITIVE_INFINITY, [30_000, 60_000]],
    ['at most once a second', 0, Number.POSITIVE_INFINITY, [1000, 2000]],
    ['at least once an hour', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, [3_600_000, 7_200_000]],
    ['each minute without a cached response', undefined, Number.POSITIVE_INFINITY, [60_000, 120_000]],
    ['at the age limit of its policy, without a cached response', undefined, 10_000, [10_000, 20_000]],
  ])('%s', async (_, freshForMs, maxResponseAgeMs, expected) => {
    const { connection, calls } = connectionOf('t', { maxResponseAgeMs });
    await watchesOf(freshForMs).add(connection, undefined);
    for (const at of expected) await time.pass(at - time.passed());
    expect(calls).toEqual(expected);
  });

  it('5 s after a check that failed', async () => {
    const { connection, calls, decide } = connectionOf('t');
    await watchesOf(60_000).add(connection, undefined);
    decide.mockImplementationOnce(() => {
      calls.push(time.passed());
      return failed;
    });
    for (const at of [60_000, 65_000, 125_000]) await time.pass(at - time.passed());
    expect([calls, connection.controller.signal.aborted]).toEqual([[60_000, 65_000, 125_000], false]);
  });

  it('at its exp, with the rejection "expired", also within the 5 s after a failure', async () => {
    const { connection, decide } = connectionOf('t', { exp: 62 });
    await watchesOf(60_000).add(connection, undefined);
    decide.mockImplementationOnce(() => failed);
    await time.pass(60_000);
    expect(decide.mock.calls).toEqual([[undefined]]);
    await time.pass(1999);
    expect(decide).toHaveBeenCalledTimes(1);
    await time.pass(1);
    expect(decide.mock.calls).toEqual([[undefined], ['expired']]);
  });

  it('at the exp of the token that the last check returned', async () => {
    const { connection, decide } = connectionOf('t');
    await watchesOf(60_000).add(connection, undefined);
    const token = { active: true as const, exp: time.clocks.now() / 1000 + 70 };
    decide.mockResolvedValueOnce({ ...allowed, token } as Decision);
    await time.pass(60_000);
    expect(connection.granted).toEqual(token);
    await time.pass(9999);
    expect(decide.mock.calls).toEqual([[undefined]]);
    await time.pass(1);
    expect(decide.mock.calls).toEqual([[undefined], ['expired']]);
  });

  it('at the earliest time that one of its connections needs', async () => {
    const watches = watchesOf(undefined);
    const [slow, fast] = [connectionOf('t'), connectionOf('t', { maxResponseAgeMs: 20_000 })];
    await watches.add(slow.connection, undefined);
    await watches.add(fast.connection, undefined);
    await time.pass(20_000);
    expect([slow.calls, fast.calls]).toEqual([[20_000], [20_000]]);
  });

  it('16 at the same time, and each that ends lets the next one begin', async () => {
    const watches = watchesOf(60_000);
    const running: ((decision: Decision) => void)[] = [];
    for (let i = 0; i < 18; i++) {
      const { connection, decide } = connectionOf(`t${i}`);
      decide.mockImplementation(() => new Promise((resolve) => void running.push(resolve)));
      await watches.add(connection, undefined);
    }
    await time.pass(60_000);
    expect(running).toHaveLength(16);
    running[0]?.(allowed);
    await eventLoopTurns();
    expect(running).toHaveLength(17);
    for (const end of running) end(allowed);
    await eventLoopTurns();
    expect(running).toHaveLength(18);
  });
});

describe('TokenWatches: the end', () => {
  it('close ends all connections with an AbortError, and add then rejects', async () => {
    const watches = watchesOf(60_000);
    const connections = ['t', 't', undefined].map((token) => connectionOf(token).connection);
    for (const connection of connections) await watches.add(connection, undefined);
    watches.close();
    const closed = new DOMException('The authorizer was closed', 'AbortError');
    expect(connections.map(({ controller }) => controller.signal.reason)).toEqual([closed, closed, closed]);
    expect(vi.getTimerCount()).toBe(0);
    await expect(watches.add(connectionOf('t').connection, undefined)).rejects.toThrow(closed.message);
  });

  it('a connection that ends during its check is not checked again', async () => {
    const { connection, decide } = connectionOf('t');
    const caller = new AbortController();
    await watchesOf(60_000).add(connection, caller.signal);
    const { promise, resolve } = Promise.withResolvers<Decision>();
    decide.mockImplementation(() => promise);
    await time.pass(60_000);
    caller.abort('gone');
    resolve({ ...allowed, token: { active: true, sub: 'later' } } as Decision);
    await eventLoopTurns();
    expect([connection.granted, connection.controller.signal.reason]).toEqual([{ active: true }, 'gone']);
    await time.pass(3_600_000);
    expect([decide.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it('a connection that ends while it is added leaves no timer', async () => {
    const { connection } = connectionOf('t');
    const caller = new AbortController();
    const added = watchesOf(60_000).add(connection, caller.signal);
    caller.abort('gone');
    await added;
    expect([connection.controller.signal.reason, vi.getTimerCount()]).toEqual(['gone', 0]);
  });

  it('an error that decide throws ends the connection with that error', async () => {
    const { connection, decide } = connectionOf('t');
    await watchesOf(60_000).add(connection, undefined);
    const fault = new Error('database');
    decide.mockRejectedValue(fault);
    await time.pass(60_000);
    expect(connection.controller.signal.reason).toBe(fault);
  });
});

describe('TokenWatches: invalidated', () => {
  it.each([
    [{ token: 'a' }, ['a']],
    [{ sub: 'alice' }, ['a', 'b']],
    [{ all: true }, ['a', 'b', 'c']],
    [{ sub: 'nobody' }, []],
    [{ sub: undefined }, []],
    [{}, []],
    [undefined, []],
  ])('%j checks the tokens %j', async (target, expected) => {
    const watches = watchesOf(60_000);
    const checked: string[] = [];
    for (const token of ['a', 'b', 'c']) {
      const { connection, decide } = connectionOf(token);
      connection.granted = { active: true, ...(token !== 'c' && { sub: 'alice' }) };
      decide.mockImplementation(() => {
        checked.push(token);
        return allowed;
      });
      await watches.add(connection, undefined);
    }
    watches.invalidated(target as never);
    await eventLoopTurns();
    expect(checked).toEqual(expected);
  });
});
