import type { IntrospectionClientOptions } from '@acme/introspect-core';
import type { ApiLocation } from './api-location.js';
import { usage } from './failure.js';
import { clientOptions, discover } from './zitadel/authorization-server.js';

type ServerOptions = Partial<Pick<IntrospectionClientOptions, 'issuer' | 'introspectionEndpoint' | 'headers'>>;

/** Returns the options with which the SDK finds the server. Reads the metadata only if the SDK would not find it. */
export async function apiClientOptions({
  connection,
  headers,
  endpoint,
  metadataUrl,
}: ApiLocation): Promise<ServerOptions & ({ issuer: string } | { introspectionEndpoint: string })> {
  const fields = { headers: { ...headers } };
  if (endpoint !== undefined) {
    return { ...(connection && { issuer: connection.issuer }), introspectionEndpoint: endpoint, ...fields };
  }
  if (connection === undefined) throw usage('The issuer is missing');
  if (metadataUrl === undefined && connection.instanceHost === undefined) return { issuer: connection.issuer };
  const server = await discover(connection, metadataUrl);
  if (metadataUrl === undefined) return clientOptions(server);
  return { issuer: server.issuer, introspectionEndpoint: server.endpoint('introspection_endpoint'), ...fields };
}
