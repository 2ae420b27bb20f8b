import { type DiscoveryOptions, loadMetadataUrl } from '../protocol/metadata-url.js';
import { sharesPromises } from '../runtime/workerd.js';

/** How long a document is used before it is fetched again. */
const freshMs = 3_600_000;
/** How long to wait after a refresh before the next one. If a refresh failed, the old document is used meanwhile. */
const refreshPauseMs = 60_000;

/** Returns the introspection endpoint: synchronously if it is known, otherwise a promise. */
export type EndpointDiscovery = () => string | Promise<string>;

/**
 * Discovers the introspection endpoint (OpenID Connect Discovery §4, RFC 8414 §3) at the first call. Calls that arrive
 * before the result share that discovery. A failure is never cached.
 *
 * After an hour the next call starts a refresh, and no call waits for it: the old endpoint is used until the refresh has
 * succeeded. There is at most one refresh a minute.
 *
 * On workerd a promise of another request never settles. There only the endpoint is shared, and the call that starts a
 * refresh waits for it.
 */
export function endpointDiscovery(options: DiscoveryOptions & { monotonicNow: () => number }): EndpointDiscovery {
  const shares = sharesPromises();
  let known: { endpoint: string; requestedAt: number } | undefined;
  let refreshAt = 0;
  let flight: Promise<string> | undefined;

  async function fetchEndpoint(): Promise<string> {
    const requestedAt = options.monotonicNow();
    const endpoint = await loadMetadataUrl('introspection_endpoint', options);
    if (known === undefined || known.requestedAt < requestedAt) {
      known = { endpoint, requestedAt };
      refreshAt = requestedAt + freshMs;
    }
    return endpoint;
  }

  function sharedFetch(): Promise<string> {
    if (flight !== undefined) return flight;
    const own = fetchEndpoint().finally(() => {
      if (flight === own) flight = undefined;
    });
    own.catch(() => {}); // if nobody waits any more, a failure must not be an unhandled rejection
    if (shares) flight = own;
    return own;
  }

  async function refreshed(old: string): Promise<string> {
    await sharedFetch().catch(() => {});
    return known?.endpoint ?? old;
  }

  return () => {
    if (known === undefined) return sharedFetch();
    const now = options.monotonicNow();
    if (now < refreshAt) return known.endpoint;
    refreshAt = now + refreshPauseMs;
    if (!shares) return refreshed(known.endpoint);
    sharedFetch();
    return known.endpoint;
  };
}
