import { InvalidResponseError } from '../errors/errors.js';
import { withTraits } from '../errors/failure-traits.js';
import { timeoutError } from '../errors/timeout-error.js';
import { withDeadline } from '../runtime/deadline.js';
import { sharesPromises } from '../runtime/workerd.js';
import { send, type Transport, type TransportResponse } from '../transport/transport.js';
import { statusError } from './http-status.js';
import { ownMember, readJsonObject } from './json-object.js';
import { urlProblem } from './secure-url.js';

/** How long a document is used before it is fetched again. */
const freshMs = 3_600_000;
/** How long the next try waits when a document could not be renewed; the old one serves. */
const renewalPauseMs = 60_000;

export interface DiscoveryOptions {
  issuer: string;
  headers: Readonly<Record<string, string>>;
  transport: Transport;
  timeoutMs: number;
  maxResponseBytes: number;
  allowInsecureHttp: boolean;
  now: () => number;
  monotonicNow: () => number;
}

/** Finds the introspection endpoint; asks the server only where that is needed. */
export type EndpointDiscovery = () => string | Promise<string>;

/**
 * Discovery of the introspection endpoint (OpenID Connect Discovery §4, RFC 8414 §3): lazily at the first call, and
 * shared by those who call meanwhile. A failure is never kept. After an hour the document is fetched once more, and the
 * old one serves until the new one is there, so that nobody waits; where it cannot be had, a minute passes between tries.
 *
 * On workerd a promise that began in another request never settles: there only the document is shared, and the caller
 * that finds it old waits for the new one.
 */
export function endpointDiscovery(options: DiscoveryOptions): EndpointDiscovery {
  const shares = sharesPromises();
  let known: { endpoint: string; askedAt: number } | undefined;
  let renewAt = 0;
  let flight: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const askedAt = options.monotonicNow();
    const endpoint = await fetchMetadataUrl('introspection_endpoint', options);
    if (known === undefined || known.askedAt < askedAt) {
      known = { endpoint, askedAt };
      renewAt = askedAt + freshMs;
    }
    return endpoint;
  }

  function renew(): Promise<string> {
    if (flight !== undefined) return flight;
    const own = ask().finally(() => {
      if (flight === own) flight = undefined;
    });
    own.catch(() => {}); // those who wait see the failure; when nobody does any more, it is not unhandled
    if (shares) flight = own;
    return own;
  }

  /** On workerd whoever finds the document old waits for the new one. */
  async function renewed(old: string): Promise<string> {
    await renew().catch(() => {});
    return known?.endpoint ?? old;
  }

  return () => {
    if (known === undefined) return renew();
    const now = options.monotonicNow();
    if (now < renewAt) return known.endpoint;
    renewAt = now + renewalPauseMs;
    if (!shares) return renewed(known.endpoint);
    renew();
    return known.endpoint;
  };
}

/** What is wrong with a configured issuer, or `undefined` (RFC 8414 §2). */
export function issuerProblem(issuer: string, allowInsecureHttp: boolean): string | undefined {
  const problem = urlProblem(issuer, allowInsecureHttp);
  if (problem !== undefined) return problem;
  if (issuer.includes('?')) return 'must not have a query';
  if (issuer.includes('/.well-known/')) return 'must be the issuer alone: leave "/.well-known/…" away';
  const [, path] = split(issuer);
  if (new URL(issuer).pathname !== (path || '/')) {
    return 'must be written as it is requested: no dot segments, and nothing that needs percent-encoding';
  }
  return undefined;
}

/** Where an issuer's metadata may be, in the order in which to look: OpenID Connect's place, then RFC 8414's. */
export function metadataUrls(issuer: string): readonly string[] {
  const [origin, path] = split(issuer);
  const prefix = path.replace(/\/$/, '');
  return [
    `${origin}${prefix}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${prefix}`,
  ];
}

/** What an authorizer needs of a metadata document (RFC 8414 §2), and what to do where it is not named. */
const advice = {
  introspection_endpoint: 'if the server has one, give it as "introspectionEndpoint"',
  jwks_uri: 'without it no JWT can be checked here',
} as const;
type MetadataMember = keyof typeof advice;

/**
 * Reads a URL from a metadata document (RFC 8414 §3.2).
 *
 * `issuer` is compared code point by code point (§3.3). Everything else in the document is not checked.
 *
 * @throws InvalidResponseError, UnavailableError
 */
export function readServerMetadata(
  member: MetadataMember,
  response: TransportResponse,
  { issuer, allowInsecureHttp, now }: Pick<DiscoveryOptions, 'issuer' | 'allowInsecureHttp' | 'now'>,
): string {
  const { origin } = new URL(issuer);
  if (response.status !== 200) throw statusError(response, origin, now);
  const metadata = readJsonObject(response, origin);
  const named = ownMember(metadata, 'issuer');
  if (named !== issuer) {
    throw new InvalidResponseError(
      `The metadata of ${origin} names another issuer than the option "issuer"${slashHint(named, issuer)}`,
    );
  }
  const url = ownMember(metadata, member);
  if (typeof url !== 'string') {
    throw new InvalidResponseError(`The metadata of ${origin} names no ${member}: ${advice[member]}`);
  }
  const problem = urlProblem(url, allowInsecureHttp);
  if (problem !== undefined) {
    const article = member === 'jwks_uri' ? 'a' : 'an';
    throw new InvalidResponseError(`The metadata of ${origin} names ${article} ${member} that ${problem}`);
  }
  return url;
}

/**
 * Fetches the metadata document of an issuer, and reads one URL from it.
 *
 * @throws UnavailableError, InvalidResponseError
 */
export function fetchMetadataUrl(member: MetadataMember, options: DiscoveryOptions): Promise<string> {
  const { issuer, headers, transport, timeoutMs, maxResponseBytes } = options;
  const { origin } = new URL(issuer);
  return withDeadline(
    {
      timeoutMs,
      late: () =>
        withTraits(timeoutError({ origin, timeoutMs, option: 'retry.attemptTimeoutMs' }), { isTransient: true }),
    },
    async (signal) => {
      for (const url of metadataUrls(issuer)) {
        const response = await send(transport, {
          url,
          method: 'GET',
          headers: { ...headers, accept: 'application/json' },
          signal,
          maxResponseBytes,
        });
        if (response.status !== 404) return readServerMetadata(member, response, options);
      }
      throw new InvalidResponseError(
        `${origin} has no metadata at either well-known path (404): check "issuer", or give "introspectionEndpoint"`,
      );
    },
  );
}

function slashHint(named: unknown, issuer: string): string {
  if (named === `${issuer}/`) return ': it ends with a slash there, so end the option with one';
  if (issuer === `${String(named)}/`)
    return ': it ends without a slash there, so leave the last one of the option away';
  return ': they must be equal, character by character';
}

/** Into origin and path, as written: `URL` would rewrite them. */
function split(issuer: string): [origin: string, path: string] {
  const path = issuer.indexOf('/', issuer.indexOf('//') + 2);
  return path === -1 ? [issuer, ''] : [issuer.slice(0, path), issuer.slice(path)];
}
