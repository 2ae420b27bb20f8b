import { describe, expect, it } from 'vitest';
import { IntrospectionClient, InvalidResponseError, type TransportResponse } from '../../src/index.js';
import { metadataUrls, readServerMetadata } from '../../src/protocol/server-metadata.js';
import { vectors } from '../support/vectors.js';

type DiscoveryVector = { id: string; scope?: 'later' } & (
  | { type: 'urls'; kind: string; identifier: string; candidates: { url: string }[] }
  | {
      type: 'validate';
      configuredIssuer: string;
      response: { status: number; headers: Record<string, string>; body?: string };
      expect: { result: string; reason?: string; introspectionEndpoint?: string };
    }
  | { type: 'configuredIssuer'; issuer: string }
);

const all = vectors<DiscoveryVector>('discovery');
const now = vectors<DiscoveryVector>('discovery').filter(({ scope }) => scope !== 'later');

describe('discovery', () => {
  it.each(now.filter((vector) => vector.type === 'urls').filter(({ kind }) => kind === 'oidc'))(
    '$id: is the first URL',
    ({ identifier, candidates }) => expect(metadataUrls(identifier)[0]).toBe(candidates[0]?.url),
  );

  it.each(now.filter((vector) => vector.type === 'urls').filter(({ kind }) => kind === 'oauth'))(
    '$id: is the second URL',
    ({ identifier, candidates }) => expect(metadataUrls(identifier)).toEqual([expect.any(String), candidates[0]?.url]),
  );

  const reasons: Record<string, string> = {
    issuer_mismatch: 'names another issuer',
    no_introspection_endpoint: 'names no introspection_endpoint',
    insecure_endpoint: 'must be https',
    invalid_endpoint: 'introspection_endpoint that must',
    bad_response: 'Content-Type',
    redirect: 'redirect',
  };

  it.each(
    now.filter((vector) => vector.type === 'validate').filter(({ id }) => id !== 'v-404' && id !== 'v-too-large'),
  )(
    '$id',
    ({
      configuredIssuer: issuer,
      response: { status, headers, body = '' },
      expect: { result, reason, ...expected },
    }) => {
      const response: TransportResponse = { status, header: (name) => headers[name] ?? null, body };
      const read = () =>
        readServerMetadata('introspection_endpoint', response, { issuer, allowInsecureHttp: false, now: Date.now });
      if (result === 'ok') {
        expect(read()).toBe(expected.introspectionEndpoint);
      } else {
        expect(read).toThrow(InvalidResponseError);
        expect(read).toThrow(reasons[reason ?? '']);
      }
    },
  );

  it.each(now.filter((vector) => vector.type === 'configuredIssuer'))('$id', ({ issuer }) => {
    expect(() => new IntrospectionClient({ issuer, clientId: 'c', clientSecret: 's' })).toThrow(/"issuer" must/);
  });

  // the vectors for the metadata of a *resource* are tested in protected-resource-metadata.test.ts
  it('only vectors for other readers are left out: MCP, shared signals, mTLS, key algorithms', () => {
    const left = all.filter(
      (vector) => vector.scope === 'later' && !(vector.type === 'urls' && vector.kind === 'protected-resource'),
    );
    expect(left.map(({ id }) => id.replace(/-.*/, ''))).toEqual([
      ...['8414', 'mcp', 'mcp'], // other orders of candidates than ours
      'ssf', // shared signals
      ...['v', 'v', 'v', 'v'], // metadata of client authentication by key and by certificate
    ]);
  });
});
