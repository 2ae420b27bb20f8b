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
  const requests = (outcome: Outcome, times = 1) => {
    for (let i = 0; i < times; i++) breaker.start()(outcome);
  };
  return { breaker, changes, requests };
}

/** Returns a breaker that was open for `openMs`, so that a probe may start now. */
function halfOpen() {
  const result = breakerOf();
  result.requests('failed', 10);
  now += 1000;
  return result;
}

describe('a closed breaker', () => {
  it('opens with the request that reaches minimumRequests, and not before', () => {
    const { breaker, changes, requests } = breakerOf({ minimumRequests: 4 });
    requests('failed', 3);
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['closed', 0, []]);
    requests('failed');
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['open', 1000, ['opened']]);
  });

  it('opens at the failure rate, and not below it', () => {
    const { breaker, requests } = breakerOf();
    requests('responded', 10);
    requests('failed', 9);
    expect(breaker.state).toBe('closed');
    requests('failed');
    expect(breaker.state).toBe('open');
  });

  it.each([
    [0.1, 9],
    [1, 0],
  ])('with a failureRate of %d opens at one failure and %d responses', (failureRate, responses) => {
    const { breaker, requests } = breakerOf({ failureRate, minimumRequests: 1 });
    requests('responded', responses + 1);
    requests('failed');
    expect(breaker.state).toBe('closed');
    const other = breakerOf({ failureRate, minimumRequests: 1 });
    other.requests('responded', responses);
    other.requests('failed');
    expect(other.breaker.state).toBe('open');
  });

  it('does not count a request whose outcome is unknown', () => {
    const { breaker, requests } = breakerOf();
    requests('failed', 9);
    requests('unknown', 100);
    expect(breaker.state).toBe('closed');
    requests('failed');
    expect(breaker.state).toBe('open');
  });

  it.each([
    [9999, 'open'],
    [10_000, 'closed'],
  ])('%d ms after nine failures and with one more → %s', (passed, state) => {
    const { breaker, requests } = breakerOf();
    requests('failed', 9);
    now += passed;
    requests('failed');
    expect(breaker.state).toBe(state);
  });

  it('does not count old responses either, so that they do not hide an outage', () => {
    const { breaker, requests } = breakerOf();
    requests('responded', 1000);
    now += 10_000;
    requests('failed', 10);
    expect(breaker.state).toBe('open');
  });
});

describe('an open breaker', () => {
  it('is open until openMs has passed, and half open then', () => {
    const { breaker, requests } = breakerOf();
    requests('failed', 10);
    now += 999;
    expect([breaker.state, breaker.openForMs]).toEqual(['open', 1]);
    now += 1;
    expect([breaker.state, breaker.openForMs]).toEqual(['half_open', 0]);
  });

  it.each([
    [0, 1000],
    [0.5, 900],
    [0.999_999, 800],
  ])(
    'with Math.random() = %d stays open for %d ms, so that several processes do not probe in step',
    (random, openMs) => {
      vi.mocked(Math.random).mockReturnValue(random);
      const { breaker, requests } = breakerOf();
      requests('failed', 10);
      expect(breaker.openForMs).toBeCloseTo(openMs, 2);
    },
  );

  it('does not count requests that started before it opened, neither while open nor after it has closed', () => {
    const { breaker, changes, requests } = breakerOf();
    const earlier = Array.from({ length: 100 }, () => breaker.start());
    requests('failed', 10);
    for (const end of earlier.slice(0, 50)) end('responded');
    expect([breaker.state, breaker.openForMs]).toEqual(['open', 1000]);
    now += 1000;
    requests('responded');
    for (const end of earlier.slice(50)) end('failed');
    expect([breaker.state, changes]).toEqual(['closed', ['opened', 'closed']]);
  });
});

describe('the probe', () => {
  it('is the only request until openMs has passed', () => {
    const { breaker } = halfOpen();
    breaker.start();
    expect([breaker.state, breaker.openForMs]).toEqual(['half_open', 1000]);
    now += 999;
    expect([breaker.state, breaker.openForMs]).toEqual(['half_open', 1]);
  });

  it('that hangs is followed by another one, and its later failure does not count', () => {
    const { breaker, changes, requests } = halfOpen();
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
    requests('failed', 9);
    expect(breaker.state).toBe('closed');
  });

  it('that ends after another one has closed the breaker changes nothing', () => {
    const { breaker, changes } = halfOpen();
    const hanging = breaker.start();
    now += 1000;
    breaker.start()('responded');
    hanging('failed');
    hanging('responded');
    expect([breaker.state, changes]).toEqual(['closed', ['opened', 'closed']]);
  });

  it('that gets a response closes the breaker, and earlier failures no longer count', () => {
    const { breaker, changes, requests } = halfOpen();
    requests('responded');
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['closed', 0, ['opened', 'closed']]);
    requests('failed', 9);
    expect(breaker.state).toBe('closed');
    requests('failed');
    expect(breaker.state).toBe('open');
  });

  it('that fails keeps the breaker open for another openMs, without a change of state', () => {
    const { breaker, changes, requests } = halfOpen();
    now += 300;
    requests('failed');
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['open', 1000, ['opened']]);
  });

  it('that fails late keeps the breaker open for a whole openMs from then on', () => {
    const { breaker } = halfOpen();
    const end = breaker.start();
    now += 900;
    end('failed');
    expect([breaker.state, breaker.openForMs]).toEqual(['open', 1000]);
  });

  it('whose outcome is unknown is followed by the next probe', () => {
    const { breaker, changes, requests } = halfOpen();
    requests('unknown');
    expect([breaker.state, breaker.openForMs, changes]).toEqual(['half_open', 0, ['opened']]);
  });
});
