import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CircuitBreaker } from '../../src/client/circuit-breaker.js';
import type { Outcome } from '../../src/errors/failure-traits.js';

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(() => vi.restoreAllMocks());

function breakerOf(settings: object = {}) {
  const changes: string[] = [];
  const breaker = new CircuitBreaker(
    { failureRate: 0.5, minimumRequests: 10, openMs: 1000, ...settings },
    () => now,
    (state) => changes.push(state),
  );
  const ask = (outcome: Outcome, times = 1) => {
    for (let i = 0; i < times; i++) breaker.start()(outcome);
  };
  return { breaker, changes, ask };
}

/** One that is open, and may be probed now. */
function halfOpen() {
  const made = breakerOf();
  made.ask('failed', 10);
  now += 1000;
  return made;
}

describe('a closed breaker', () => {
  it('opens with the question that makes the minimum, and not before', () => {
    const { breaker, changes, ask } = breakerOf({ minimumRequests: 4 });
    ask('failed', 3);
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['closed', 0, []]);
    ask('failed');
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['open', 1000, ['opened']]);
  });

  it('opens at the failure rate, and not below it', () => {
    const { breaker, ask } = breakerOf();
    ask('responded', 10);
    ask('failed', 9);
    expect(breaker.state).toBe('closed');
    ask('failed');
    expect(breaker.state).toBe('open');
  });

  it.each([
    [0.1, 9],
    [1, 0],
  ])('with a failure rate of %d opens at one failure beside %d answers', (failureRate, answers) => {
    const { breaker, ask } = breakerOf({ failureRate, minimumRequests: 1 });
    ask('responded', answers + 1);
    ask('failed');
    expect(breaker.state).toBe('closed');
    const other = breakerOf({ failureRate, minimumRequests: 1 });
    other.ask('responded', answers);
    other.ask('failed');
    expect(other.breaker.state).toBe('open');
  });

  it('does not count a question of which nobody knows how it ended', () => {
    const { breaker, ask } = breakerOf();
    ask('failed', 9);
    ask('unknown', 100);
    expect(breaker.state).toBe('closed');
    ask('failed');
    expect(breaker.state).toBe('open');
  });

  it.each([
    [9999, 'open'],
    [10_000, 'closed'],
  ])('after %d ms finds nine failures of before: it is %s', (passed, state) => {
    const { breaker, ask } = breakerOf();
    ask('failed', 9);
    now += passed;
    ask('failed');
    expect(breaker.state).toBe(state);
  });

  it('forgets old answers too: they do not hide an outage', () => {
    const { breaker, ask } = breakerOf();
    ask('responded', 1000);
    now += 10_000;
    ask('failed', 10);
    expect(breaker.state).toBe('open');
  });
});

describe('an open breaker', () => {
  it('lets nothing pass until its time is over', () => {
    const { breaker, ask } = breakerOf();
    ask('failed', 10);
    now += 999;
    expect([breaker.state, breaker.openForMs]).toEqual(['open', 1]);
    now += 1;
    expect([breaker.state, breaker.openForMs]).toEqual(['half_open', 0]);
  });

  it.each([
    [0, 1000],
    [0.5, 900],
    [0.999_999, 800],
  ])('at chance %d stays open for %d ms, so that several processes do not probe in step', (chance, openMs) => {
    vi.mocked(Math.random).mockReturnValue(chance);
    const { breaker, ask } = breakerOf();
    ask('failed', 10);
    expect(breaker.openForMs).toBeCloseTo(openMs, 2);
  });

  it('heeds no news of questions that began before it opened, neither then nor after it has closed', () => {
    const { breaker, changes, ask } = breakerOf();
    const late = Array.from({ length: 100 }, () => breaker.start());
    ask('failed', 10);
    for (const end of late.slice(0, 50)) end('responded');
    expect([breaker.state, breaker.openForMs]).toEqual(['open', 1000]);
    now += 1000;
    ask('responded');
    for (const end of late.slice(50)) end('failed');
    expect([breaker.state, changes]).toEqual(['closed', ['opened', 'closed']]);
  });
});

describe('the probe', () => {
  it('is one alone', () => {
    const { breaker } = halfOpen();
    breaker.start();
    expect([breaker.state, breaker.openForMs]).toEqual(['half_open', 1000]);
    now += 999;
    expect([breaker.state, breaker.openForMs]).toEqual(['half_open', 1]);
  });

  it('that hangs makes place for another one in time, and its failure then is no news', () => {
    const { breaker, changes, ask } = halfOpen();
    const hanging = breaker.start();
    now += 1000;
    expect([breaker.state, breaker.openForMs]).toEqual(['half_open', 0]);
    const other = breaker.start();
    now += 400;
    hanging('failed');
    expect([breaker.state, breaker.openForMs]).toEqual(['half_open', 600]);
    hanging('unknown');
    expect(breaker.openForMs).toBe(600);
    other('responded');
    expect([breaker.state, changes]).toEqual(['closed', ['opened', 'closed']]);
    ask('failed', 9);
    expect(breaker.state).toBe('closed');
  });

  it('that hung and failed after another one closed it changes nothing', () => {
    const { breaker, changes } = halfOpen();
    const hanging = breaker.start();
    now += 1000;
    breaker.start()('responded');
    hanging('failed');
    hanging('responded');
    expect([breaker.state, changes]).toEqual(['closed', ['opened', 'closed']]);
  });

  it('that is answered closes it, and the failures of before are forgotten', () => {
    const { breaker, changes, ask } = halfOpen();
    ask('responded');
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['closed', 0, ['opened', 'closed']]);
    ask('failed', 9);
    expect(breaker.state).toBe('closed');
    ask('failed');
    expect(breaker.state).toBe('open');
  });

  it('that fails keeps it open for as long again, and tells nobody', () => {
    const { breaker, changes, ask } = halfOpen();
    now += 300;
    ask('failed');
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['open', 1000, ['opened']]);
  });

  it('of which nobody knows how it ended is made again', () => {
    const { breaker, changes, ask } = halfOpen();
    ask('unknown');
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['half_open', 0, ['opened']]);
  });
});

it('is a file of at most 120 lines', () => {
  const source = readFileSync(new URL('../../src/client/circuit-breaker.ts', import.meta.url), 'utf8');
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(120);
});
