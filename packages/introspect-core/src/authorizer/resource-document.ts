import {
  type ProtectedResourceMetadata,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
} from '../protocol/protected-resource-metadata.js';

/**
 * Returns the RFC 9728 document of an authorizer, and the path at which to serve it.
 *
 * @throws TypeError without a resource
 */
export function resourceDocument(
  resource: string | undefined,
  { issuer, scopes }: { issuer?: string | undefined; scopes?: readonly string[] | undefined },
): { path: string; document: ProtectedResourceMetadata } {
  if (resource === undefined) {
    throw new TypeError('Authorizer: to serve the resource metadata, configure "resource"');
  }
  const { pathname } = new URL(protectedResourceMetadataUrl(resource));
  return { path: pathname, document: protectedResourceMetadata({ resource, issuer, ...(scopes && { scopes }) }) };
}
