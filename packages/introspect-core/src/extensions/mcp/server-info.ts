import type { AnyAuthorizer, ProtectedResourceMetadata } from '@acme/introspect-core';

/**
 * An authorizer whose claims and vocabularies the compiler does not know. The type excludes `Authorizer`, whose policies the
 * compiler must compare with its vocabularies.
 */
export type UntypedAuthorizer = AnyAuthorizer & { readonly authorize?: never };

/** What an authorizer says about its own MCP server. */
export interface ServerInfo {
  /** The authorizer's `resource`. */
  readonly resource: string | undefined;
  /** The URL of its RFC 9728 document. */
  readonly resourceMetadataUrl: string | undefined;
  /** Whether the authorizer compares `aud`. */
  readonly checksAudience: boolean;
  /** Returns the scopes that a list of scopes grants, itself included. */
  readonly granted: (scopes: readonly string[]) => string[];
}

/** An RFC 9728 document, and the path that serves it. */
export interface ResourceMetadata {
  readonly path: string;
  readonly document: ProtectedResourceMetadata;
}

/** @param metadata of the authorizer, if it has a `resource` */
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
