import type { AnyAuthorizer, ProtectedResourceMetadata } from '@acme/introspect-core';

/**
 * An authorizer whose claims and vocabularies the compiler does not know. The type excludes `Authorizer`, whose policies the
 * compiler must compare with its vocabularies.
 */
export type UntypedAuthorizer = AnyAuthorizer & { readonly authorize?: never };

/** What {@link AuthInfo} needs to know of an MCP server and its authorizer. */
export interface ServerInfo {
  /** The authorizer's `resource`. */
  readonly resource: string | undefined;
  /** The URL of its RFC 9728 document. */
  readonly resourceMetadataUrl: string | undefined;
  /** Whether the authorizer compares `aud`. */
  readonly checksAudience: boolean;
  /** Returns the scopes of a list, and those that they grant. */
  readonly granted: (scopes: readonly string[]) => string[];
}

/** An RFC 9728 document, and the path that serves it. */
export interface ResourceMetadata {
  readonly path: string;
  readonly document: ProtectedResourceMetadata;
}

/**
 * Returns what the authorizer says about the MCP server.
 *
 * @param metadata the authorizer's RFC 9728 document, if it has a `resource`
 */
export function serverInfoOf(
  authorizer: AnyAuthorizer & { readonly audience?: readonly string[] | undefined },
  metadata: ResourceMetadata | undefined,
  granted: ServerInfo['granted'],
): ServerInfo {
  const resource = metadata?.document.resource;
  return {
    resource,
    resourceMetadataUrl: metadata && new URL(metadata.path, resource).href,
    checksAudience: authorizer.audience !== undefined,
    granted,
  };
}
