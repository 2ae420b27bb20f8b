import { describe, expect, it } from 'vitest';
import { ClientCounters, type ClientStats, outcomeOf } from '../../src/client/client-stats.js';
import { EventEmitter } from '../../src/events/event-emitter.js';
import {
  type IntrospectEvent,
  InvalidClientError,
  InvalidResponseError,
  InvalidTokenError,
  UnavailableError,
} from '../../src/index.js';
import { introspectionCall, scriptedNext } from '../support/introspection-call.js';

const origin = 'https://as.example';

function countersOf() {
  let now = 0;
  const events: IntrospectEvent[] = [];
  const counters = new ClientCounters({
    events: new EventEmitter((event) => void events.push(event)),
    origin,
    monotonicNow: () => now,
  });
  const stats = (standing: Partial<ClientStats> = {}) =>
    counters.stats({ queued: 0, circuitBreaker: 'closed', ...standing });
  const pass = (ms: number) => {
    now += ms;
  };
  return { counters, events, stats, pass };
}

describe('countInFlight', () => {
  it('counts a call until its response or failure', async () => {
    const { counters, stats } = countersOf();
    const { promise, resolve } = Promise.withResolvers<{ active: true }>();
    const failure = Promise.withResolvers<never>();
    const running = [
      counters.countInFlight(introspectionCall(), () => promise),
      counters.countInFlight(introspectionCall(), () => failure.promise).catch(() => {}),
    ];
    expect(stats().inFlight).toBe(2);
    resolve({ active: true });
    await running[0];
    expect(stats().inFlight).toBe(1);
    failure.reject(new Error('x'));
    await running[1];
    expect(stats().inFlight).toBe(0);
  });
});

describe('countAttempts', () => {
  it.each([
    ['active', { active: true }],
    ['inactive', { active: false }],
    ['unavailable', new UnavailableError('x')],
    ['invalid_response', new InvalidResponseError('x')],
    ['invalid_client', new InvalidClientError('x')],
    ['aborted', new Error('x')],
  ] as const)('counts and emits the outcome %s, with number and duration', async (outcome, result) => {
    const { counters, events, stats, pass } = countersOf();
    const { next } = scriptedNext(result);
    const attempt = counters.countAttempts(introspectionCall({ attempt: 2 }), (call) => {
      pass(30);
      return next(call);
    });
    if (result instanceof Error) await expect(attempt).rejects.toBe(result);
    else await expect(attempt).resolves.toBe(result);
    expect(stats().requests[outcome]).toBe(1);
    expect(events).toEqual([{ type: 'introspected', origin, attempt: 2, outcome, durationMs: 30 }]);
  });

  it('emits unsupported_token_type once, after the event of the attempt', async () => {
    const { counters, events, stats } = countersOf();
    for (let i = 0; i < 3; i++) {
      const { next } = scriptedNext(new InvalidTokenError('unsupported_token_type'));
      await counters.countAttempts(introspectionCall(), next).catch(() => {});
    }
    expect(events.map(({ type }) => type)).toEqual([
      'introspected',
      'unsupported_token_type',
      'introspected',
      'introspected',
    ]);
    expect(stats().requests.unsupported_token_type).toBe(3);
  });
});

describe('outcomeOf', () => {
  it('is aborted once the caller has left, whatever the failure is', () => {
    expect(outcomeOf(new UnavailableError('x'), AbortSignal.abort())).toBe('aborted');
    expect(outcomeOf(new UnavailableError('x'), new AbortController().signal)).toBe('unavailable');
  });
});

it('countShed counts and emits a call for which no request was sent, by its reason', () => {
  const { counters, events, stats } = countersOf();
  counters.countShed('limits', introspectionCall({ priority: 'low' }));
  counters.countShed('circuit_breaker', introspectionCall());
  expect(events).toEqual([
    { type: 'shed', origin, by: 'limits', priority: 'low' },
    { type: 'shed', origin, by: 'circuit_breaker', priority: 'normal' },
  ]);
  expect(stats().shed).toEqual({ limits: 1, circuit_breaker: 1 });
});

it('stats are a copy, which later attempts do not change', async () => {
  const { counters, stats } = countersOf();
  const before = stats({ queued: 3, circuitBreaker: 'open' });
  await counters.countAttempts(introspectionCall(), scriptedNext().next);
  counters.countShed('limits', introspectionCall());
  expect(before).toMatchObject({ inFlight: 0, queued: 3, circuitBreaker: 'open' });
  expect([before.requests.active, before.shed.limits]).toEqual([0, 0]);
});
