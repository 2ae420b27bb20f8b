import type { ProtectedResourceMetadata, RequestContext } from '@acme/introspect-core';

/** An RFC 9728 document, and the path that serves it. */
export interface ResourceMetadata {
  /** The path, without a query: it begins with `/.well-known/oauth-protected-resource`. */
  readonly path: string;
  /** The document, to be sent as JSON. */
  readonly document: ProtectedResourceMetadata;
}

/** Returns the document if this is a GET or HEAD request for it. An adapter sends it then, without a guard. */
export function requestedMetadata(
  metadata: ResourceMetadata | undefined,
  { method, url = '' }: RequestContext,
): ProtectedResourceMetadata | undefined {
  // Most requests need no parsed URL.
  if (metadata === undefined || !url.includes(metadata.path) || (method !== 'GET' && method !== 'HEAD'))
    return undefined;
  return new URL(url, 'http://localhost').pathname === metadata.path ? metadata.document : undefined;
}
