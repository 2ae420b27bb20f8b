import { InvalidResponseError } from '../errors/errors.js';
import { withTraits } from '../errors/failure-traits.js';
import { timeoutError } from '../errors/timeout-error.js';
import { withDeadline } from '../runtime/deadline.js';
import { send } from '../transport/send.js';
import type { Transport } from '../transport/transport.js';
import {
  examineMetadata,
  fetchMetadata,
  type MetadataMember,
  type MetadataSettings,
  readServerMetadata,
} from './server-metadata.js';

/** Where and how to fetch the metadata of an issuer (RFC 8414 §3). */
export interface DiscoveryOptions extends MetadataSettings {
  /** Header fields of each request, with names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Sends the requests. */
  transport: Transport;
  /** The time limit, in milliseconds. */
  timeoutMs: number;
  /** The largest response body that is read, in bytes. */
  maxResponseBytes: number;
}

/**
 * Fetches the metadata document of an issuer and returns one URL from it. Without `metadataUrl`, it tries the next
 * well-known path after a 404, and after a document of this issuer that lacks the URL.
 *
 * @param member the name of the URL in the document
 * @throws UnavailableError, InvalidResponseError
 */
export function loadMetadataUrl(member: MetadataMember, options: DiscoveryOptions): Promise<string> {
  const { issuer, metadataUrl, headers, transport, timeoutMs, maxResponseBytes } = options;
  const { origin } = new URL(metadataUrl ?? issuer);
  return withDeadline(
    {
      timeoutMs,
      late: () =>
        withTraits(timeoutError({ origin, timeoutMs, option: 'retry.attemptTimeoutMs' }), { isTransient: true }),
    },
    async (signal) => {
      const get = (url: string) =>
        send(transport, {
          url,
          method: 'GET',
          headers: { ...headers, accept: 'application/json' },
          signal,
          maxResponseBytes,
        });
      const response =
        metadataUrl === undefined
          ? await fetchMetadata(issuer, get, (each) => examineMetadata(member, each, options))
          : await get(metadataUrl);
      if (response.status !== 404) return readServerMetadata(member, response, options);
      throw new InvalidResponseError(
        metadataUrl === undefined
          ? `${origin} has no metadata at any well-known path (404): check "issuer", or give "introspectionEndpoint"`
          : `${origin} has no metadata at "metadataUrl" (404): check that option`,
      );
    },
  );
}
