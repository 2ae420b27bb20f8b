import { expect, it } from 'vitest';
import { adapterOptions, denialResponse, protect, webRequestContext } from '../../src/adapter/index.js';

const options = {
  issuer: 'https://issuer.example',
  clientId: 'api',
  clientSecret: 'secret',
  resource: 'https://api.example/v1',
};

it('denialResponse has the status, the header fields and the body of the denial, as JSON', async () => {
  const { source } = adapterOptions('introspect', { ...options, realm: 'items' });
  const decision = await protect(source)(webRequestContext(new Request('https://api.example/me')));
  if (decision.allowed) expect.fail('a request without a token was accepted');
  const response = denialResponse(decision);
  expect(response.status).toBe(401);
  expect(Object.fromEntries(response.headers)).toEqual({
    'cache-control': 'no-store',
    'content-type': 'application/json',
    'www-authenticate':
      'Bearer realm="items", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1"',
  });
  expect(await response.json()).toEqual({});
});

it('webRequestContext has no waitUntil if the runtime throws when it is read', () => {
  const context = webRequestContext(new Request('https://api.example/me'), {}, () => {
    throw new Error('This context has no ExecutionContext');
  });
  expect(context.waitUntil).toBeUndefined();
});

it('adapterOptions returns the metadata only with serveResourceMetadata', () => {
  const metadataOf = (input: object) =>
    adapterOptions<unknown>('introspect', { ...options, ...input }, ['serveResourceMetadata']).metadata;
  expect(metadataOf({})).toBeUndefined();
  expect(metadataOf({ serveResourceMetadata: true })).toMatchObject({
    path: '/.well-known/oauth-protected-resource/v1',
    document: { resource: 'https://api.example/v1' },
  });
});
