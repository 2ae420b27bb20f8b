import { isShed } from '../errors/failure-traits.js';
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

/** Remembers which call a rejection of our own credentials belongs to, until {@link renewCredentials} sees it. */
export function rememberRejected(error: Error, call: SentCall): void {
  rejectedCalls.set(error, call);
}

/** Returns the call and forgets it, because the request holds the token and the error may live long. */
function takeRejected(error: unknown): SentCall | undefined {
  const call = rejectedCalls.get(error as object);
  rejectedCalls.delete(error as object);
  return call;
}

/**
 * Sends a request once more when the server rejected our own credentials and there are other ones by now: secrets
 * rotate. At most once for each call. The event `credentials_refused` is emitted when no other credentials help.
 */
export function renewCredentials(
  requests: IntrospectionRequests,
  { events, origin }: { events: EventEmitter; origin: string },
): Stage {
  const emitRefused = () => events.emit({ type: 'credentials_refused', origin });

  async function renewedRequest(rejected: SentCall, error: Error): Promise<IntrospectionRequest | undefined> {
    const { token, signal, request } = rejected;
    let renewed: IntrospectionRequest | undefined;
    try {
      const again = await withDeadline({ timeoutMs: rejected.leftMs(), late: () => error, signal }, async () =>
        requests(token, { endpoint: request.url, afterRejection: true }),
      );
      if (!hasSameCredentials(again, request)) renewed = again;
      return renewed;
    } finally {
      if (renewed === undefined) emitRefused();
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
        if (isShed(second)) throw error; // the last that the server said
        if (takeRejected(second) !== undefined) emitRefused();
        throw second;
      }
    }
  };
}
