import { describe, expect, it, vi } from 'vitest';
import { attempt } from '../../src/client/attempt.js';
import { renewCredentials } from '../../src/client/credential-renewal.js';
import type { IntrospectionCall } from '../../src/client/pipeline.js';
import { type Outcome, traitsOf } from '../../src/errors/failure-traits.js';
import { EventEmitter } from '../../src/events/event-emitter.js';
import {
  InvalidClientError,
  InvalidResponseError,
  noClientAuthentication,
  type Transport,
  UnavailableError,
} from '../../src/index.js';
import type { IntrospectionRequests } from '../../src/protocol/introspection-request.js';
import { eventLoopTurns } from '../support/event-loop.js';
import { introspectionCall, introspectionRequest } from '../support/introspection-call.js';
import { never, scriptedTransport } from '../support/scripted-transport.js';

const origin = 'https://as.example';

interface Parts {
  reply?: Parameters<typeof scriptedTransport>[0];
  /** In place of the scripted one. */
  transport?: Transport;
  endpoint?: () => string | Promise<string>;
  requests?: IntrospectionRequests;
  timeoutMs?: number;
  attemptTimeoutMs?: number;
}

/** One attempt, what was sent, and how it failed. */
function attempting({ timeoutMs = 60_000, attemptTimeoutMs = 50_000, ...parts }: Parts) {
  const { endpoint, requests } = parts;
  const { transport, requests: sent } = scriptedTransport(parts.reply ?? (() => ({})));
  const made = vi.fn<IntrospectionRequests>(requests ?? (() => introspectionRequest()));
  const introspect = attempt(
    {
      clientAuthentication: noClientAuthentication(),
      origin,
      transport: parts.transport ?? transport,
      maxResponseBytes: 1000,
      timeoutMs,
      retry: { attemptTimeoutMs },
      now: () => 0,
    },
    { endpoint: endpoint ?? (() => `${origin}/introspect`), requests: made },
  );
  const failure = (changes: Partial<IntrospectionCall> = {}) =>
    introspect(introspectionCall({ leftMs: () => timeoutMs, ...changes })).then(
      () => expect.unreachable(),
      (error: unknown) => error,
    );
  return { introspect, failure, sent, made };
}

describe('an attempt', () => {
  it('finds the endpoint, makes the request, sends it and reads the response', async () => {
    const { introspect, sent, made } = attempting({ reply: () => ({ body: { active: true, sub: 'mickey' } }) });
    await expect(introspect(introspectionCall())).resolves.toEqual({ active: true, sub: 'mickey' });
    expect(made.mock.calls).toEqual([['token', { endpoint: `${origin}/introspect`, afterRejection: false }]]);
    expect(sent).toMatchObject([{ ...introspectionRequest(), maxResponseBytes: 1000 }]);
  });

  it('calls the transport synchronously if the endpoint and the request are known', async () => {
    const { introspect, sent } = attempting({});
    const response = introspect(introspectionCall());
    expect(sent).toHaveLength(1);
    await response;
  });

  it('waits for an endpoint and a request that are not ready yet', async () => {
    const { introspect, sent } = attempting({
      endpoint: async () => `${origin}/found`,
      requests: async (_, { endpoint }) => ({ ...introspectionRequest(), url: endpoint }),
    });
    await introspect(introspectionCall());
    expect(sent).toMatchObject([{ url: `${origin}/found` }]);
  });

  it('sends the request of the call, if it has one, and makes none', async () => {
    const { introspect, sent, made } = attempting({});
    await introspect(introspectionCall({ request: introspectionRequest('Basic renewed') }));
    expect(sent).toMatchObject([{ headers: { authorization: 'Basic renewed' } }]);
    expect(made).not.toHaveBeenCalled();
  });

  it('has its own time limit, and exceeding it is a transient failure', async () => {
    const error = await attempting({ reply: never, attemptTimeoutMs: 5 }).failure();
    expect(error).toMatchObject({ message: `${origin} did not respond within 5 ms ("retry.attemptTimeoutMs")` });
    expect(traitsOf(error)).toEqual({ isTransient: true, outcome: 'failed' });
  });

  it('ends with the deadline of the call, and that failure is not transient', async () => {
    const error = await attempting({ reply: never, timeoutMs: 7 }).failure({ leftMs: () => 2 });
    expect(error).toMatchObject({ message: `${origin} did not respond within 7 ms ("timeoutMs")` });
    expect(traitsOf(error)).toEqual({ outcome: 'failed' });
  });

  it('names the deadline of the call when both limits are equal, as they are with one attempt', async () => {
    const error = await attempting({ reply: never, timeoutMs: 5, attemptTimeoutMs: 5 }).failure();
    expect(error).toMatchObject({ message: `${origin} did not respond within 5 ms ("timeoutMs")` });
  });

  it.each([
    ['the endpoint', { endpoint: never }],
    ['the request', { requests: never }],
    ['the response', { reply: never }],
  ])('throws the reason of the abort when the caller leaves while it waits for %s', async (_, parts) => {
    const controller = new AbortController();
    const failure = attempting(parts).failure({ signal: controller.signal });
    controller.abort('gone');
    expect(await failure).toBe('gone');
  });

  it.each([
    ['the endpoint', (wait: Promise<never>) => ({ endpoint: () => wait.catch(() => `${origin}/introspect`) })],
    ['the request', (wait: Promise<never>) => ({ requests: () => wait.catch(() => introspectionRequest()) })],
  ])('makes and sends nothing further when the caller left while it waited for %s', async (name, partsOf) => {
    const { promise, reject } = Promise.withResolvers<never>();
    const controller = new AbortController();
    const { failure, sent, made } = attempting(partsOf(promise));
    const failed = failure({ signal: controller.signal });
    controller.abort('gone');
    reject();
    expect(await failed).toBe('gone');
    await eventLoopTurns();
    expect([made.mock.calls.length, sent]).toEqual([name === 'the request' ? 1 : 0, []]);
  });
});

describe('the outcome of an attempt that fails with', () => {
  const failing = (error: Error) => () => {
    throw error;
  };
  const forbidden = { status: 403, header: () => null, body: 'Forbidden' };
  const status = (status: number, body: unknown = {}) => ({ reply: () => ({ status, body }) });

  it.each<[string, Parts, Outcome]>([
    ['a connection fault', { reply: failing(new Error('reset')) }, 'failed'],
    ['429', status(429), 'failed'],
    ['500', status(500), 'failed'],
    ['503', status(503), 'failed'],
    ['401', status(401), 'failed'],
    ['403 with invalid_client', status(403, { error: 'invalid_client' }), 'failed'],
    ['403 without JSON, perhaps by a filter', { transport: async () => forbidden }, 'responded'],
    ['403 with JSON, but without an error code', status(403), 'responded'],
    ['400', status(400, { error: 'invalid_request' }), 'responded'],
    ['400 with unsupported_token_type', status(400, { error: 'unsupported_token_type' }), 'responded'],
    ['garbage', { reply: () => ({ body: 'garbage' }) }, 'responded'],
    ['a discovery that fails', { endpoint: () => Promise.reject(new UnavailableError('x')) }, 'failed'],
    ['metadata that is invalid', { endpoint: () => Promise.reject(new InvalidResponseError('x')) }, 'responded'],
    ['credentials that are missing', { requests: failing(new UnavailableError('no secret')) }, 'unknown'],
    ['credentials that come too late', { requests: never, attemptTimeoutMs: 5 }, 'unknown'],
    ['a discovery that hangs', { endpoint: never, attemptTimeoutMs: 5 }, 'failed'],
  ])('%s', async (_, parts, outcome) => {
    expect(traitsOf(await attempting(parts).failure()).outcome).toBe(outcome);
  });
});

describe('a rejection of our own credentials', () => {
  const renewing = (parts: Parts) => {
    const { introspect, sent } = attempting(parts);
    const renew = vi.fn<IntrospectionRequests>(() => introspectionRequest('Basic new'));
    const stage = renewCredentials(renew, { events: new EventEmitter(undefined), origin });
    return { result: stage(introspectionCall(), introspect), renew, sent };
  };

  it('is stored for renewing credentials, with the endpoint that rejected them', async () => {
    const { result, renew, sent } = renewing({ reply: (_, number) => (number === 1 ? { status: 401 } : {}) });
    await expect(result).resolves.toEqual({ active: true });
    expect(renew.mock.calls).toEqual([['token', { endpoint: `${origin}/introspect`, afterRejection: true }]]);
    expect(sent).toHaveLength(2);
  });

  it('is not stored when the source of the credentials throws it before a request is sent', async () => {
    const error = new InvalidClientError('no key');
    const { result, renew, sent } = renewing({ requests: () => Promise.reject(error) });
    await expect(result).rejects.toBe(error);
    expect(renew).not.toHaveBeenCalled();
    expect(sent).toEqual([]);
  });
});
