import { Authorizer, type CacheOptions, type Transport } from '@acme/introspect-core';

/** Returns an authorizer that caches the responses of a function instead of a server, without a network. */
export function cachingAuthorizer(
  responseFor: (token: string) => string,
  cache: Omit<CacheOptions, 'maxAgeSeconds'> = {},
): Authorizer {
  const transport: Transport = async ({ body }) => ({
    status: 200,
    header: () => 'application/json',
    body: responseFor(new URLSearchParams(body).get('token') ?? ''),
  });
  return new Authorizer({
    introspectionEndpoint: 'https://shop.example/introspect',
    clientId: 'api',
    clientSecret: 'secret',
    transport,
    cache: { maxAgeSeconds: 3600, ...cache },
  });
}
