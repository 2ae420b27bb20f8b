import { isAuthorizationError, isIntrospectionError } from '../errors/errors.js';
import { type Outcome, withTraits } from '../errors/failure-traits.js';
import { timeoutError } from '../errors/timeout-error.js';
import { encodingHint } from '../protocol/basic-credentials.js';
import type { ClientAuthentication } from '../protocol/client-authentication.js';
import type { IntrospectionRequest, IntrospectionRequests } from '../protocol/introspection-request.js';
import { readIntrospectionResponse } from '../protocol/introspection-response.js';
import { rejectsClient } from '../protocol/status-error.js';
import { withDeadline } from '../runtime/deadline.js';
import { send } from '../transport/send.js';
import type { Transport } from '../transport/transport.js';
import { rememberRejected } from './credential-renewal.js';
import type { EndpointDiscovery } from './endpoint-discovery.js';
import type { Introspect } from './pipeline.js';

interface AttemptSettings {
  clientAuthentication: ClientAuthentication;
  origin: string;
  transport: Transport;
  maxResponseBytes: number;
  timeoutMs: number;
  retry: { attemptTimeoutMs: number };
  now: () => number;
}

/**
 * Returns the function that makes one attempt: it finds the endpoint, makes the request, sends it and reads the response.
 * All of this has one time limit: that of the attempt, or what is left for the call. Each failure gets its traits.
 */
export function attempt(
  {
    clientAuthentication,
    origin,
    transport,
    maxResponseBytes,
    timeoutMs,
    retry: { attemptTimeoutMs },
    now,
  }: AttemptSettings,
  { endpoint, requests }: { endpoint: EndpointDiscovery; requests: IntrospectionRequests },
): Introspect {
  const originOf = cachedOrigin();
  const lateAttempt = () =>
    withTraits(timeoutError({ origin, timeoutMs: attemptTimeoutMs, option: 'retry.attemptTimeoutMs' }), {
      isTransient: true,
    });
  const lateCall = () => timeoutError({ origin, timeoutMs });

  return async (call) => {
    let sent: IntrospectionRequest | undefined;
    /** The outcome if the attempt fails at this moment. */
    let outcome: Outcome = 'failed';
    const leftMs = call.leftMs();
    const deadline =
      attemptTimeoutMs < leftMs
        ? { timeoutMs: attemptTimeoutMs, late: lateAttempt, signal: call.signal }
        : { timeoutMs: leftMs, late: lateCall, signal: call.signal };
    try {
      return await withDeadline(deadline, async (signal) => {
        const discovered = endpoint();
        const url = typeof discovered === 'string' ? discovered : await discovered;
        signal.throwIfAborted();
        outcome = 'unknown'; // getting our own credentials may fail now, before the server is involved
        const prepared = call.request ?? requests(call.token, { endpoint: url, afterRejection: false });
        const request = 'url' in prepared ? prepared : await prepared;
        signal.throwIfAborted();
        sent = request;
        outcome = 'failed';
        const response = await send(transport, { ...request, signal, maxResponseBytes });
        // Perhaps a filter in front of the server rejected this one token.
        if (response.status === 403 && !rejectsClient(response)) outcome = 'responded';
        return readIntrospectionResponse(response, originOf(url), now, (isRejection) =>
          encodingHint(clientAuthentication, request.headers.authorization, isRejection),
        );
      });
    } catch (error) {
      if (isAuthorizationError(error)) throw withTraits(error, { outcome: 'responded' });
      if (!isIntrospectionError(error)) throw error;
      if (sent !== undefined && error.code === 'invalid_client') {
        rememberRejected(error, { ...call, request: sent });
      }
      throw withTraits(error, { outcome: error.code === 'invalid_response' ? 'responded' : outcome });
    }
  };
}

/** Returns a function that returns the origin of a URL. It caches the last one, because the endpoint hardly ever changes. */
function cachedOrigin(): (url: string) => string {
  let last = { url: '', origin: '' };
  return (url) => {
    if (url !== last.url) last = { url, origin: new URL(url).origin };
    return last.origin;
  };
}
