import { urlProblem } from './secure-url.js';

export interface ProtectedResourceMetadataOptions {
  /** This API's URL: https, or http on loopback; no fragment. */
  resource: string;
  /** The authorization server that issues its tokens. */
  issuer?: string | undefined;
  /** The scopes that clients may need. */
  scopes?: readonly string[];
}

/** An RFC 9728 §2 document. */
export interface ProtectedResourceMetadata {
  readonly resource: string;
  readonly authorization_servers?: readonly string[];
  readonly scopes_supported?: readonly string[];
  readonly bearer_methods_supported: readonly string[];
}

/**
 * Describes this API to its clients (RFC 9728 §2): who issues its tokens, and that they go into the header field.
 *
 * @throws TypeError naming the option
 */
export function protectedResourceMetadata({
  resource,
  issuer,
  scopes = [],
}: ProtectedResourceMetadataOptions): ProtectedResourceMetadata {
  const problem = resourceProblem(resource);
  if (problem !== undefined) throw new TypeError(`protectedResourceMetadata: "resource" ${problem}`);
  return {
    resource,
    ...(issuer !== undefined && { authorization_servers: [issuer] }),
    ...(scopes.length > 0 && { scopes_supported: [...scopes] }), // an empty list must be left out
    bearer_methods_supported: ['header'],
  };
}

/** What is wrong with a resource's URL, or `undefined` (RFC 9728 §1.2). */
export function resourceProblem(resource: string): string | undefined {
  return urlProblem(resource, false, 'must be https, except on loopback (RFC 9728 §1.2)');
}

/** Where that document is found: between host and path (RFC 9728 §3.1). */
export function protectedResourceMetadataUrl(resource: string): string {
  const { origin, pathname, search } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${pathname.replace(/\/$/, '')}${search}`;
}
