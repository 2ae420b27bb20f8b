import { InvalidResponseError } from '../errors/errors.js';
import type { TransportResponse } from '../transport/transport.js';
import { ownMember, readJsonObject } from './json-object.js';
import { urlProblem } from './secure-url.js';
import { statusError } from './status-error.js';

export interface MetadataSettings {
  /** The issuer. Its metadata must name the same one. */
  issuer: string;
  /** Whether http is permitted for any host, not only on loopback. */
  allowInsecureHttp: boolean;
  /** Returns the time in milliseconds since the epoch. */
  now: () => number;
}

/** Returns why a configured issuer is invalid, or `undefined` if it is valid (RFC 8414 §2). */
export function issuerProblem(issuer: string, allowInsecureHttp: boolean): string | undefined {
  const problem = urlProblem(issuer, allowInsecureHttp);
  if (problem !== undefined) return problem;
  if (issuer.includes('?')) return 'must not have a query';
  if (issuer.includes('/.well-known/')) return 'must be the issuer alone, without "/.well-known/…"';
  const [, path] = split(issuer);
  if (new URL(issuer).pathname !== (path || '/')) {
    return 'must be written as it is requested: no dot segments, and nothing that needs percent-encoding';
  }
  return undefined;
}

/**
 * Returns the URLs at which an issuer may publish its metadata, in the order in which to try them: that of OpenID
 * Connect Discovery §4, then that of RFC 8414 §3.
 *
 * Does not check the issuer.
 */
export function metadataUrls(issuer: string): readonly [openIdConnect: string, oauth: string] {
  const [origin, path] = split(issuer);
  const prefix = path.replace(/\/$/, '');
  return [
    `${origin}${prefix}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${prefix}`,
  ];
}

/** The members of a metadata document (RFC 8414 §2) that the client reads, with what to do if one is absent. */
const advice = {
  introspection_endpoint: 'if the server has one, give it as "introspectionEndpoint"',
  jwks_uri: 'without it no JWT can be checked here',
} as const;
export type MetadataMember = keyof typeof advice;

/**
 * Returns a URL from a metadata document (RFC 8414 §3.2).
 *
 * The document's `issuer` must equal the configured one, code point by code point (§3.3). Nothing else in the document
 * is checked.
 *
 * @throws InvalidResponseError, UnavailableError
 */
export function readServerMetadata(
  member: MetadataMember,
  response: TransportResponse,
  { issuer, allowInsecureHttp, now }: MetadataSettings,
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

function slashHint(named: unknown, issuer: string): string {
  if (named === `${issuer}/`) return ': it ends with a slash there, so end the option with one';
  if (issuer === `${String(named)}/`) return ': it ends without a slash there, so remove the last one of the option';
  return ': they must be equal, character by character';
}

/** Splits an issuer into origin and path, as written: `URL` would rewrite them. */
function split(issuer: string): [origin: string, path: string] {
  const path = issuer.indexOf('/', issuer.indexOf('//') + 2);
  return path === -1 ? [issuer, ''] : [issuer.slice(0, path), issuer.slice(path)];
}
