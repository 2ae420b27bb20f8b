import { isShedByLimits } from '../errors/failure-traits.js';
import type { EventEmitter } from '../events/event-emitter.js';
import {
  hasSameCredentials,
  type IntrospectionRequest,
  type IntrospectionRequests,
} from '../protocol/introspection-request.js';
import { withDeadline } from '../runtime/deadline.js';
import type { IntrospectionCall, Stage } from './pipeline.js';

/** A call whose request was sent. */
type SentCall = IntrospectionCall & { readonly request: IntrospectionRequest };

const rejectedCalls = new WeakMap<object, SentCall>();

/** Stores the call whose credentials the server rejected, until {@link renewCredentials} reads it. */
export function rememberRejected(error: Error, call: SentCall): void {
  rejectedCalls.set(error, call);
}

/** Returns and deletes the call of a rejection, because its request holds the token and the error may live long. */
function takeRejected(error: unknown): SentCall | undefined {
  const call = rejectedCalls.get(error as object);
  rejectedCalls.delete(error as object);
  return call;
}

/**
 * Sends a request once more if the server rejected our own credentials and they have changed since, because secrets
 * rotate. At most once for each call. Emits `credentials_refused` if the credentials have not changed, or if the server
 * rejects the new ones too.
 */
export function renewCredentials(
  requests: IntrospectionRequests,
  { events, origin }: { events: EventEmitter; origin: string },
): Stage {
  const emitRejection = () => events.emit({ type: 'credentials_refused', origin });

  async function renewedRequest(rejected: SentCall, error: Error): Promise<IntrospectionRequest | undefined> {
    const { token, signal, request } = rejected;
    let renewed: IntrospectionRequest | undefined;
    try {
      const authenticated = await withDeadline({ timeoutMs: rejected.leftMs(), late: () => error, signal }, async () =>
        requests(token, { endpoint: request.url, afterRejection: true }),
      );
      if (!hasSameCredentials(authenticated, request)) renewed = authenticated;
      return renewed;
    } finally {
      if (renewed === undefined) emitRejection();
    }
  }

  return async (call, next) => {
    try {
      return await next(call);
    } catch (error) {
      const rejected = takeRejected(error);
      if (rejected === undefined) throw error;
      const request = await renewedRequest(rejected, error as Error);
      if (request === undefined) throw error;
      try {
        return await next({ ...call, attempt: rejected.attempt + 1, request });
      } catch (second) {
        if (isShedByLimits(second)) throw error; // the rejection says more than our own limits
        if (takeRejected(second) !== undefined) emitRejection();
        throw second;
      }
    }
  };
}
