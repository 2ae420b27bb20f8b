import { InvalidResponseError } from '../errors/errors.js';
import type { TransportResponse } from '../transport/transport.js';
import { ownMember, readJsonObject } from './json-object.js';
import { urlProblem } from './secure-url.js';
import { statusError } from './status-error.js';

/** Where the metadata of an issuer is, and how it is checked. */
export interface MetadataSettings {
  /** The issuer. Its metadata must name the same one. */
  issuer: string;
  /** The URL of the metadata, if it is not at a well-known path of the issuer. */
  metadataUrl?: string | undefined;
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
 * Returns the URLs at which an issuer may publish its metadata, in the order in which to try them. The first is that of
 * OpenID Connect Discovery §4, the second that of RFC 8414 §3. If the issuer has a path, the third is the file name of
 * RFC 8414 after that path, which some servers use.
 *
 * Does not check the issuer.
 */
export function metadataUrls(issuer: string): readonly string[] {
  const [origin, path] = split(issuer);
  const prefix = path.replace(/\/$/, '');
  const urls = [
    `${origin}${prefix}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${prefix}`,
    `${origin}${prefix}/.well-known/oauth-authorization-server`,
  ];
  return [...new Set(urls)];
}

/**
 * What a response to a request for metadata means for the search:
 * - `final`: it is the result
 * - `incomplete`: it is the issuer's document, but a needed member is missing, so the next URL is tried
 * - `unusable`: it is the result, unless an incomplete document was found before
 */
export type MetadataVerdict = 'final' | 'incomplete' | 'unusable';

/**
 * Fetches the metadata of an issuer by `get`. Tries the next URL only after a 404 or an incomplete document. If all URLs
 * are tried in vain, returns the first incomplete document, or else the first 404.
 *
 * @internal For the command `introspect`, too.
 *
 * @param examine is not called for a 404; by default, each other response is final
 */
export async function fetchMetadata<Response extends { readonly status?: number | undefined }>(
  issuer: string,
  get: (url: string) => Promise<Response>,
  examine: (response: Response) => MetadataVerdict = () => 'final',
): Promise<Response> {
  let notFound: Response | undefined;
  let incomplete: Response | undefined;
  for (const url of metadataUrls(issuer)) {
    const response = await get(url);
    const verdict = response.status === 404 ? 'not_found' : examine(response);
    if (verdict === 'final' || (verdict === 'unusable' && incomplete === undefined)) return response;
    if (verdict === 'incomplete') incomplete ??= response;
    else notFound ??= response; // unused if a document was incomplete
  }
  return (incomplete ?? notFound) as Response; // one of them, because there is at least one URL
}

/** What to do if a metadata document lacks a member (RFC 8414 §2) that the client reads. */
const advice = {
  introspection_endpoint: 'if the server has one, give it as "introspectionEndpoint"',
  jwks_uri: 'without it no JWT can be checked here',
} as const;
/** The name of a member of a metadata document that the client reads. */
export type MetadataMember = keyof typeof advice;

/** What the client reads from a metadata document, and why it rejects the document. */
export interface CheckedMetadata {
  /** The `issuer` in the document. */
  readonly named: unknown;
  /** Whether the document is of the configured issuer. */
  readonly isSameIssuer: boolean;
  /** The value of the member, which must be a URL. `undefined` if it is absent or not a string. */
  readonly url: string | undefined;
  /** Why no token or secret may be sent to the URL, or `undefined` if it may. */
  readonly problem: string | undefined;
}

/**
 * Checks a metadata document (RFC 8414 §3.2). Its `issuer` must equal the configured one, code point by code point
 * (§3.3), and the URL of the member must be one to which tokens may be sent. Nothing else in the document is checked.
 *
 * @internal For the command `introspect`, too.
 */
export function checkMetadata(
  member: MetadataMember,
  metadata: object,
  { issuer, allowInsecureHttp }: Pick<MetadataSettings, 'issuer' | 'allowInsecureHttp'>,
): CheckedMetadata {
  const [named, value] = [ownMember(metadata, 'issuer'), ownMember(metadata, member)];
  const url = typeof value === 'string' ? value : undefined;
  const problem = url === undefined ? undefined : urlProblem(url, allowInsecureHttp);
  return { named, isSameIssuer: named === issuer, url, problem };
}

/** Returns what a response means for the search of a document that names a member. */
export function examineMetadata(
  member: MetadataMember,
  response: TransportResponse,
  { issuer, allowInsecureHttp }: Pick<MetadataSettings, 'issuer' | 'allowInsecureHttp'>,
): MetadataVerdict {
  // There may be a document here, so the search must not end with one from another URL.
  if (response.status === 429 || response.status >= 500) return 'final';
  if (response.status !== 200) return 'unusable';
  try {
    const metadata = readJsonObject(response, issuer);
    const { isSameIssuer, url } = checkMetadata(member, metadata, { issuer, allowInsecureHttp });
    if (!isSameIssuer) return 'unusable';
    return url === undefined ? 'incomplete' : 'final';
  } catch {
    return 'unusable';
  }
}

/**
 * Returns a URL from the response to a request for metadata, if {@link checkMetadata} finds nothing wrong.
 *
 * @throws InvalidResponseError, UnavailableError
 */
export function readServerMetadata(
  member: MetadataMember,
  response: TransportResponse,
  { issuer, metadataUrl = issuer, allowInsecureHttp, now }: MetadataSettings,
): string {
  const { origin } = new URL(metadataUrl);
  if (response.status !== 200) throw statusError(response, origin, now);
  const settings = { issuer, allowInsecureHttp };
  const { named, isSameIssuer, url, problem } = checkMetadata(member, readJsonObject(response, origin), settings);
  if (!isSameIssuer) {
    throw new InvalidResponseError(
      `The metadata of ${origin} names another issuer than the option "issuer"${slashHint(named, issuer)}`,
    );
  }
  if (url === undefined) {
    throw new InvalidResponseError(`The metadata of ${origin} names no ${member}: ${advice[member]}`);
  }
  if (problem !== undefined) {
    const article = member === 'jwks_uri' ? 'a' : 'an';
    throw new InvalidResponseError(`The metadata of ${origin} names ${article} ${member} that ${problem}`);
  }
  return url;
}

function slashHint(named: unknown, issuer: string): string {
  if (named === `${issuer}/`) return ': it ends with a slash there, so add one at the end of the option';
  if (issuer === `${String(named)}/`)
    return ': it does not end with a slash there, so remove the slash at the end of the option';
  return ': they must be equal, character by character';
}

/** Splits an issuer into origin and path, as written: `URL` would rewrite them. */
function split(issuer: string): [origin: string, path: string] {
  const path = issuer.indexOf('/', issuer.indexOf('//') + 2);
  return path === -1 ? [issuer, ''] : [issuer.slice(0, path), issuer.slice(path)];
}
