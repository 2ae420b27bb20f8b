import { Authorizer, type Transport } from '@acme/introspect-core';

/** An authorizer that keeps what it is told, without a network between. */
export function keepingAuthorizer(answerTo: (token: string) => string, maxEntries = 10_000): Authorizer {
  const transport: Transport = async ({ body }) => ({
    status: 200,
    header: () => 'application/json',
    body: answerTo(new URLSearchParams(body).get('token') ?? ''),
  });
  return new Authorizer({
    introspectionEndpoint: 'https://shop.example/introspect',
    clientId: 'api',
    clientSecret: 'secret',
    transport,
    cache: { maxAgeSeconds: 3600, maxEntries },
  });
}
