import { InvalidResponseError } from '../errors/errors.js';
import { timeoutError } from '../errors/timeout-error.js';
import { withDeadline } from '../runtime/deadline.js';
import { send } from '../transport/send.js';
import { ownMember, readJsonObject } from './json-object.js';
import { type DiscoveryOptions, loadMetadataUrl } from './metadata-url.js';
import { statusError } from './status-error.js';

const mediaTypes = ['application/json', 'application/jwk-set+json'];

/**
 * Fetches the JWK Set (RFC 7517 §5) that an issuer publishes at its `jwks_uri` (RFC 8414 §2). Checks that the set is a
 * list of objects, but not the keys themselves.
 *
 * @throws UnavailableError, InvalidResponseError
 */
export async function fetchIssuerKeys(options: DiscoveryOptions): Promise<Readonly<Record<string, unknown>>> {
  const { headers, transport, timeoutMs, maxResponseBytes, now } = options;
  const url = await loadMetadataUrl('jwks_uri', options);
  const { origin } = new URL(url);
  const late = () => timeoutError({ origin, timeoutMs, option: 'prefilter' });
  const response = await withDeadline({ timeoutMs, late }, (signal) =>
    send(transport, {
      url,
      method: 'GET',
      headers: { ...headers, accept: mediaTypes.join(', ') },
      signal,
      maxResponseBytes,
    }),
  );
  if (response.status !== 200) throw statusError(response, origin, now);
  const keySet = readJsonObject(response, origin, mediaTypes);
  const keys = ownMember(keySet, 'keys');
  if (Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null)) return keySet;
  throw new InvalidResponseError(`${origin} responded with keys that are not a JWK Set (RFC 7517)`);
}
