import { describe, expect, it, vi } from 'vitest';
import { InvalidResponseError, type Transport } from '../../src/index.js';
import { fetchIssuerKeys } from '../../src/protocol/jwk-set.js';

const issuer = 'https://as.example.com';
const keySet = { keys: [{ kty: 'EC' }] };

/** Fetches the keys of an issuer whose key document is `body`. */
function fetchKeys(body: unknown, { status = 200, mediaType = 'application/json', timeoutMs = 5000 } = {}) {
  const metadata = { issuer, jwks_uri: `${issuer}/keys` };
  const transport = vi.fn<Transport>(async ({ url }) =>
    url === `${issuer}/keys`
      ? { status, header: () => mediaType, body: JSON.stringify(await body) }
      : { status: 200, header: () => 'application/json', body: JSON.stringify(metadata) },
  );
  const keys = fetchIssuerKeys({
    issuer,
    headers: { 'x-tenant': 'a' },
    transport,
    timeoutMs,
    maxResponseBytes: 1000,
    allowInsecureHttp: false,
    now: Date.now,
  });
  return { keys, transport };
}

describe('fetchIssuerKeys', () => {
  it('sends a GET with the headers and both media types, and resolves with the document', async () => {
    const { keys, transport } = fetchKeys(keySet);
    expect(await keys).toEqual(keySet);
    expect(transport).toHaveBeenLastCalledWith({
      url: `${issuer}/keys`,
      method: 'GET',
      headers: { 'x-tenant': 'a', accept: 'application/json, application/jwk-set+json' },
      signal: expect.any(AbortSignal),
      maxResponseBytes: 1000,
    });
  });

  it('accepts the media type application/jwk-set+json, and an empty list of keys', async () => {
    expect(await fetchKeys({ keys: [] }, { mediaType: 'application/jwk-set+json' }).keys).toEqual({ keys: [] });
  });

  it.each([{}, { keys: {} }, { keys: 'none' }, { keys: [{}, null] }, { keys: [{}, 'key'] }])(
    'rejects with an InvalidResponseError for %j, which is not a JWK Set',
    async (document) => {
      await expect(fetchKeys(document).keys).rejects.toThrow(
        new InvalidResponseError(`${issuer} responded with keys that are not a JWK Set (RFC 7517)`),
      );
    },
  );

  it('rejects by the status of a response that is not 200', async () => {
    await expect(fetchKeys(keySet, { status: 503 }).keys).rejects.toMatchObject({
      code: 'unavailable',
      message: `${issuer} responded with 503: it is overloaded or broken`,
    });
  });

  it('rejects when the keys do not arrive in time, and names the prefilter', async () => {
    await expect(fetchKeys(new Promise(() => {}), { timeoutMs: 20 }).keys).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^https:\/\/as\.example\.com .*20 ms.*"?prefilter"?/),
    });
  });
});
