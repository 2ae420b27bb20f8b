import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CircuitBreakerStages } from '../../src/client/circuit-breaker-stages.js';
import type { IntrospectionCall } from '../../src/client/pipeline.js';
import { type FailureTraits, traitsOf, withTraits } from '../../src/errors/failure-traits.js';
import { EventEmitter } from '../../src/events/event-emitter.js';
import { type IntrospectEvent, InvalidClientError, InvalidResponseError, UnavailableError } from '../../src/index.js';
import { introspectionCall, scriptedNext } from '../support/introspection-call.js';
import { never } from '../support/scripted-transport.js';

const origin = 'https://as.example';
let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(Math, 'random').mockReturnValue(0);
});
afterEach(() => vi.restoreAllMocks());

const down = (traits: FailureTraits = {}) => withTraits(new UnavailableError('down'), { outcome: 'failed', ...traits });

/** The stages of a breaker that opens for 1 s after two failures. */
function stagesOf({ off = false } = {}) {
  const events: IntrospectEvent[] = [];
  const rejected: IntrospectionCall[] = [];
  const stages = new CircuitBreakerStages(
    {
      circuitBreaker: off ? undefined : { failureRate: 1, minimumRequests: 2, openMs: 1000 },
      origin,
      events: new EventEmitter((event) => void events.push(event)),
      monotonicNow: () => now,
    },
    (call) => void rejected.push(call),
  );
  const record = async (result: Error | { active: true }, call = introspectionCall()) =>
    void (await stages.record(call, scriptedNext(result).next).catch(() => {}));
  const failure = (call = introspectionCall()) =>
    stages.failFast(call, scriptedNext().next).then(
      () => undefined,
      (error: unknown) => error,
    );
  return { stages, events, rejected, record, failure };
}

async function opened(error: Error = down()) {
  const made = stagesOf();
  await made.record(down());
  await made.record(error);
  expect(made.stages.state).toBe('open');
  return made;
}

describe('failFast', () => {
  it('calls the rest synchronously while the breaker is closed or off', () => {
    for (const off of [false, true]) {
      const { next, calls } = scriptedNext();
      void stagesOf({ off }).stages.failFast(introspectionCall(), next);
      expect(calls).toHaveLength(1);
    }
  });

  it('rejects a call while the breaker is open, with Retry-After, and calls onShed', async () => {
    const { stages, rejected } = await opened();
    const { next, calls } = scriptedNext();
    const call = introspectionCall();
    const error = await stages.failFast(call, next).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: 1,
      message: `${origin} is not being called: most of the recent introspection requests failed ("circuitBreaker" is open)`,
    });
    expect(traitsOf(error)).toEqual({ shedBy: 'circuit_breaker' });
    expect([calls, rejected]).toEqual([[], [call]]);
  });

  it('rejects with InvalidClientError when the last failure was a rejection of our own credentials', async () => {
    const { record, failure } = await opened(withTraits(new InvalidClientError('401'), { outcome: 'failed' }));
    expect(await failure()).toMatchObject({
      code: 'invalid_client',
      message: `${origin} is not being called: it rejected this API's own credentials a moment ago ("circuitBreaker" is open)`,
    });
    now = 1000;
    await record(down());
    expect(await failure()).toMatchObject({ code: 'unavailable' });
  });

  it('rejects with UnavailableError when our own credentials failed only before a request was sent', async () => {
    const { stages, record, failure } = await opened();
    now = 1000;
    await record(withTraits(new InvalidClientError('no key'), { outcome: 'unknown' }));
    void stages.record(introspectionCall(), never);
    expect(await failure()).toMatchObject({ code: 'unavailable' });
  });

  it('lets one call through when openMs has passed, and the next one only after that has ended', async () => {
    const { stages, rejected, failure } = await opened();
    now = 1000;
    expect(await failure()).toBeUndefined();
    void stages.record(introspectionCall(), never);
    expect(await failure()).toMatchObject({ code: 'unavailable' });
    expect(rejected).toHaveLength(1);
  });
});

describe('record', () => {
  it('passes responses and failures on unchanged', async () => {
    const { stages } = stagesOf();
    const error = down();
    await expect(stages.record(introspectionCall(), scriptedNext(error).next)).rejects.toBe(error);
    await expect(stages.record(introspectionCall(), scriptedNext({ active: false }).next)).resolves.toEqual({
      active: false,
    });
  });

  it('opens the breaker after failures, and closes it after a response', async () => {
    const { stages, events, record } = await opened();
    now = 1000;
    await record({ active: true });
    expect(stages.state).toBe('closed');
    expect(events).toEqual([
      { type: 'breaker_opened', origin },
      { type: 'breaker_closed', origin },
    ]);
  });

  it.each([
    [
      'a failure that is a response of the server',
      withTraits(new InvalidResponseError('400'), { outcome: 'responded' }),
    ],
    ['a failure before the request was sent', down({ outcome: 'unknown' })],
    ['a failure without traits', new UnavailableError('x')],
    ['an error that does not come from an attempt', new Error('x')],
  ])('does not let the breaker open because of %s', async (_, error) => {
    const { stages, record } = stagesOf();
    for (let i = 0; i < 10; i++) await record(error);
    expect(stages.state).toBe('closed');
  });

  it('does not let the breaker open because of callers who abort', async () => {
    const { stages, record } = stagesOf();
    for (let i = 0; i < 10; i++) await record(down(), introspectionCall({ signal: AbortSignal.abort() }));
    expect(stages.state).toBe('closed');
  });

  it('keeps the state off without a breaker', async () => {
    const { stages, record, failure } = stagesOf({ off: true });
    for (let i = 0; i < 10; i++) await record(down());
    const error = down();
    const leaving = introspectionCall({ signal: AbortSignal.abort() });
    await expect(stages.record(leaving, scriptedNext(error).next)).rejects.toBe(error);
    expect([stages.state, await failure()]).toEqual(['off', undefined]);
  });
});

describe('hasMetRateLimit', () => {
  const rateLimited = () => down({ isRateLimit: true });

  it.each([false, true])('is true for 10 s after a 429, with a breaker that is off: %s', async (off) => {
    const { stages, record } = stagesOf({ off });
    expect(stages.hasMetRateLimit).toBe(false);
    await record(rateLimited());
    now = 9999;
    expect(stages.hasMetRateLimit).toBe(true);
    now = 10_000;
    expect(stages.hasMetRateLimit).toBe(false);
  });

  it('is false after other failures', async () => {
    const { stages, record } = stagesOf();
    await record(down());
    expect(stages.hasMetRateLimit).toBe(false);
  });

  it('is true after a 429 whose caller has aborted', async () => {
    const { stages, record } = stagesOf();
    await record(rateLimited(), introspectionCall({ signal: AbortSignal.abort() }));
    expect(stages.hasMetRateLimit).toBe(true);
  });

  it('stays true while the breaker that a 429 opened is open, until a later attempt ends in another way', async () => {
    const { stages, record } = await opened(rateLimited());
    now = 60_000;
    expect(stages.hasMetRateLimit).toBe(true);
    await record(down(), introspectionCall({ signal: AbortSignal.abort() }));
    expect(stages.hasMetRateLimit).toBe(true);
    await record(down());
    expect(stages.hasMetRateLimit).toBe(false);
  });
});
