import { describe, expect, it, vi } from 'vitest';
import { traitsOf } from '../../src/errors/failure-traits.js';
import type { Transport } from '../../src/index.js';
import { loadMetadataUrl } from '../../src/protocol/metadata-url.js';

const issuer = 'https://as.example.com';
const openid = `${issuer}/.well-known/openid-configuration`;
const rfc8414 = `${issuer}/.well-known/oauth-authorization-server`;

const optionsOf = (transport: Transport) => ({
  issuer,
  headers: { 'x-tenant': 'a' },
  transport,
  timeoutMs: 5000,
  maxResponseBytes: 1000,
  allowInsecureHttp: false,
  now: Date.now,
});
const documentOf = (members: object) => ({
  status: 200,
  header: (name: string) => (name === 'content-type' ? 'application/json' : null),
  body: JSON.stringify(members),
});
const notFound = { status: 404, header: () => null, body: '' };

describe('loadMetadataUrl', () => {
  it('returns the URL from the first document', async () => {
    const transport = vi.fn<Transport>(async () => documentOf({ issuer, jwks_uri: `${issuer}/keys` }));
    await expect(loadMetadataUrl('jwks_uri', optionsOf(transport))).resolves.toBe(`${issuer}/keys`);
    expect(transport).toHaveBeenCalledExactlyOnceWith({
      url: openid,
      method: 'GET',
      headers: { 'x-tenant': 'a', accept: 'application/json' },
      signal: expect.any(AbortSignal),
      maxResponseBytes: 1000,
    });
  });

  it('tries the path of RFC 8414 after a 404', async () => {
    const transport = vi.fn<Transport>(async ({ url }) =>
      url === rfc8414 ? documentOf({ issuer, introspection_endpoint: `${issuer}/i` }) : notFound,
    );
    await expect(loadMetadataUrl('introspection_endpoint', optionsOf(transport))).resolves.toBe(`${issuer}/i`);
    expect(transport.mock.calls.map(([{ url }]) => url)).toEqual([openid, rfc8414]);
  });

  it('rejects when both paths are 404', async () => {
    await expect(
      loadMetadataUrl(
        'jwks_uri',
        optionsOf(async () => notFound),
      ),
    ).rejects.toMatchObject({
      code: 'invalid_response',
      message: `${issuer} has no metadata at any well-known path (404): check "issuer", or give "introspectionEndpoint"`,
    });
  });

  it('rejects when "metadataUrl" is 404, without another request', async () => {
    const transport = vi.fn<Transport>(async () => notFound);
    const options = { ...optionsOf(transport), metadataUrl: 'https://inside.example/m' };
    await expect(loadMetadataUrl('jwks_uri', options)).rejects.toMatchObject({
      code: 'invalid_response',
      message: 'https://inside.example has no metadata at "metadataUrl" (404): check that option',
    });
    expect(transport.mock.calls.map(([{ url }]) => url)).toEqual(['https://inside.example/m']);
  });

  it('has one time limit for both paths, and its timeout error is transient', async () => {
    const options = { ...optionsOf(() => new Promise(() => {})), timeoutMs: 1 };
    const error = await loadMetadataUrl('jwks_uri', options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining('"retry.attemptTimeoutMs"') });
    expect(traitsOf(error).isTransient).toBe(true);
  });
});
