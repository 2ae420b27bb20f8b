import { describe, expect, it } from 'vitest';
import { rememberRejected, renewCredentials } from '../../src/client/credential-renewal.js';
import { withTraits } from '../../src/errors/failure-traits.js';
import { EventEmitter } from '../../src/events/event-emitter.js';
import { type IntrospectEvent, InvalidClientError, UnavailableError } from '../../src/index.js';
import type { IntrospectionRequests } from '../../src/protocol/introspection-request.js';
import { introspectionCall, introspectionRequest, scriptedNext } from '../support/introspection-call.js';
import { never } from '../support/scripted-transport.js';

const origin = 'https://as.example';
const refused = { type: 'credentials_refused', origin };
const renewedRequest = introspectionRequest('Basic new');

/** A rejection of the credentials of an attempt, as the attempt throws it. */
function rejection(attempt = 1, request = introspectionRequest()) {
  const error = new InvalidClientError('rejected');
  rememberRejected(error, { ...introspectionCall({ attempt }), request });
  return error;
}

function renewing(renew: () => ReturnType<IntrospectionRequests> = () => renewedRequest) {
  const events: IntrospectEvent[] = [];
  const made: unknown[] = [];
  const requests: IntrospectionRequests = (...given) => {
    made.push(given);
    return renew();
  };
  const stage = renewCredentials(requests, { events: new EventEmitter((event) => void events.push(event)), origin });
  return { stage, events, made };
}

describe('renewCredentials', () => {
  it('passes a response on, and makes no request', async () => {
    const { stage, events, made } = renewing();
    await expect(stage(introspectionCall(), scriptedNext({ active: false }).next)).resolves.toEqual({ active: false });
    expect([events, made]).toEqual([[], []]);
  });

  it.each([
    ['another failure', new UnavailableError('down')],
    ['a rejection for which no request was sent, such as by the circuit breaker', new InvalidClientError('open')],
  ])('passes on %s', async (_, error) => {
    const { stage, events, made } = renewing();
    await expect(stage(introspectionCall(), scriptedNext(error).next)).rejects.toBe(error);
    expect([events, made]).toEqual([[], []]);
  });

  it('sends the request once more with other credentials, as the attempt after the rejected one', async () => {
    const { stage, events, made } = renewing();
    const { next, calls } = scriptedNext(rejection(3));
    await expect(stage(introspectionCall(), next)).resolves.toEqual({ active: true });
    expect(made).toEqual([['token', { endpoint: 'https://as.example/introspect', afterRejection: true }]]);
    expect(calls.map(({ attempt, request }) => [attempt, request])).toEqual([
      [1, undefined],
      [4, renewedRequest],
    ]);
    expect(events).toEqual([]);
  });

  it('does not send the rejected credentials again, and emits that they were rejected', async () => {
    const { stage, events } = renewing(() => introspectionRequest());
    const error = rejection();
    const { next, calls } = scriptedNext(error);
    await expect(stage(introspectionCall(), next)).rejects.toBe(error);
    expect([calls.length, events]).toEqual([1, [refused]]);
  });

  it('renews once for each call: a second rejection is emitted and thrown', async () => {
    const { stage, events, made } = renewing();
    const second = rejection(2, renewedRequest);
    const { next, calls } = scriptedNext(rejection(), second);
    await expect(stage(introspectionCall(), next)).rejects.toBe(second);
    expect([calls.length, made.length, events]).toEqual([2, 1, [refused]]);
  });

  it('throws any other failure of the second attempt, and emits nothing', async () => {
    const { stage, events } = renewing();
    const error = new UnavailableError('down');
    await expect(stage(introspectionCall(), scriptedNext(rejection(), error).next)).rejects.toBe(error);
    expect(events).toEqual([]);
  });

  it('throws the rejection when our own limits leave no second attempt: that is what the server said', async () => {
    const { stage, events } = renewing();
    const error = rejection();
    const shed = withTraits(new UnavailableError('no slot'), { shedBy: 'limits' });
    await expect(stage(introspectionCall(), scriptedNext(error, shed).next)).rejects.toBe(error);
    expect(events).toEqual([]);
  });

  it('throws the failure of a source that has no further credentials', async () => {
    const { stage, events } = renewing(() => Promise.reject(new UnavailableError('no secret')));
    await expect(stage(introspectionCall(), scriptedNext(rejection()).next)).rejects.toThrow('no secret');
    expect(events).toEqual([refused]);
  });

  it('throws the rejection when the source gives nothing until the deadline', async () => {
    const { stage, events } = renewing(never);
    const error = new InvalidClientError('rejected');
    rememberRejected(error, { ...introspectionCall({ leftMs: () => 1 }), request: introspectionRequest() });
    await expect(stage(introspectionCall(), scriptedNext(error).next)).rejects.toBe(error);
    expect(events).toEqual([refused]);
  });

  it('throws the reason of the abort when the caller leaves while the source works', async () => {
    const controller = new AbortController();
    const { stage } = renewing(() => {
      controller.abort('gone');
      return renewedRequest;
    });
    const error = new InvalidClientError('rejected');
    const call = introspectionCall({ signal: controller.signal });
    rememberRejected(error, { ...call, request: introspectionRequest() });
    const { next, calls } = scriptedNext(error);
    await expect(stage(call, next)).rejects.toBe('gone');
    expect(calls).toHaveLength(1);
  });

  it('forgets the rejected request, which holds the token, even while the error lives', async () => {
    const { stage, made } = renewing(() => introspectionRequest());
    const error = rejection();
    for (let i = 0; i < 2; i++) await expect(stage(introspectionCall(), scriptedNext(error).next)).rejects.toBe(error);
    expect(made).toHaveLength(1);
  });
});
