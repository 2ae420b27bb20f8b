import { urlProblem } from './secure-url.js';

/** The options of {@link protectedResourceMetadata}. */
export interface ProtectedResourceMetadataOptions {
  /** This API's URL (RFC 9728 §1.2). Must be https, except on loopback, and have no fragment. */
  resource: string;
  /**
   * The authorization server that issues the API's tokens. Not checked.
   *
   * @default the document names no server
   */
  issuer?: string | undefined;
  /**
   * The scopes that clients may need. Not checked.
   *
   * @default []
   */
  scopes?: readonly string[];
}

/** A protected resource metadata document (RFC 9728 §2). */
export interface ProtectedResourceMetadata {
  /** This API's URL. */
  readonly resource: string;
  /** The issuers of this API's tokens. */
  readonly authorization_servers?: readonly string[];
  /** The scopes that clients may need. */
  readonly scopes_supported?: readonly string[];
  /** How to send the token: always in the `Authorization` field. */
  readonly bearer_methods_supported: readonly string[];
}

/**
 * Returns the document that describes this API to OAuth clients (RFC 9728 §2): which server issues its tokens, and that
 * tokens go into the `Authorization` field.
 *
 * @throws TypeError that names the option
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
    ...(scopes.length > 0 && { scopes_supported: [...scopes] }), // RFC 9728 §3.2: no empty lists
    bearer_methods_supported: ['header'],
  };
}

/** Returns why a resource's URL is invalid, or `undefined` if it is valid (RFC 9728 §1.2). */
export function resourceProblem(resource: string): string | undefined {
  return urlProblem(resource, false, 'must be https, except on loopback (RFC 9728 §1.2)');
}

/** Returns the URL of the document: the well-known path goes between host and path (RFC 9728 §3.1). */
export function protectedResourceMetadataUrl(resource: string): string {
  const { origin, pathname, search } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${pathname.replace(/\/$/, '')}${search}`;
}
