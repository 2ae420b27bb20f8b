import type { ActiveToken, Credentials } from '@acme/introspect-core';
import type { ServerInfo } from './server-info.js';

/** What an MCP server learns of a token: the `AuthInfo` of the TypeScript SDK, versions 1 and 2. */
export interface AuthInfo {
  /** The access token. Do not log it, and do not send it to another server. */
  token: string;
  /** The OAuth client that requested the token: `client_id`, else `azp`, else `sub`, else an empty string. */
  clientId: string;
  /** The granted scopes, and those that they imply (`scopeImplies`). */
  scopes: string[];
  /**
   * When the token expires, in seconds since the epoch. `mcpGate` leaves it out for a token without `exp`. `mcpVerifier`
   * then sets it to a minute from now, because the gate of the SDK rejects a token without it.
   */
  expiresAt?: number;
  /**
   * The authorizer's `resource`. Present if the authorizer has checked the audience of the token, or if the token's
   * `aud` has this URL.
   */
  resource?: URL;
  /** The URL of the RFC 9728 document. The SDK, version 2, names it in its own challenges. */
  resourceMetadataUrl?: string;
  /** All members of the introspection response (RFC 7662 §2.2), such as `sub`, and `claims` of the authorizer. */
  extra: Record<string, unknown>;
}

/** Describes an accepted token to the SDK. */
export function authInfoOf(token: string, response: ActiveToken, server: ServerInfo): AuthInfo {
  const { client_id: client, azp, sub = '', scope = '', exp } = response;
  const { resource, resourceMetadataUrl } = server;
  return {
    token,
    clientId: client ?? (typeof azp === 'string' ? azp : sub),
    scopes: server.granted(scope.split(' ').filter((each) => each !== '')),
    ...(exp !== undefined && { expiresAt: exp }),
    ...(resource !== undefined && isFor(response, resource, server) && { resource: new URL(resource) }),
    ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
    extra: { ...response },
  };
}

function isFor({ aud = [] }: ActiveToken, resource: string, { checksAudience }: ServerInfo): boolean {
  if (checksAudience) return true;
  const comparable = (url: string) => url.replace(/\/$/, '');
  return [aud].flat().some((each) => comparable(each) === comparable(resource));
}

/** Returns the token of an `Authorization` field that the authorizer has accepted. */
export function tokenIn(authorization: Credentials): string {
  return /^[ \t]*bearer +([^ \t]+)/i.exec([authorization].flat()[0] ?? '')?.[1] ?? '';
}
