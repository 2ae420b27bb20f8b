import { describe, expect, it } from 'vitest';
import { IntrospectionClient, InvalidResponseError, type TransportResponse } from '../../src/index.js';
import {
  checkMetadata,
  examineMetadata,
  fetchMetadata,
  issuerProblem,
  type MetadataVerdict,
  metadataUrls,
  readServerMetadata,
} from '../../src/protocol/server-metadata.js';
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
    ({ identifier, candidates }) => expect(metadataUrls(identifier)[1]).toBe(candidates[0]?.url),
  );

  it('tries the path of RFC 8414 also after the path of an issuer that has one', () => {
    const origin = 'https://as.example.com';
    const rfc8414 = '/.well-known/oauth-authorization-server';
    for (const issuer of [origin, `${origin}/`]) {
      expect(metadataUrls(issuer)).toEqual([`${origin}/.well-known/openid-configuration`, `${origin}${rfc8414}`]);
    }
    for (const issuer of [`${origin}/o`, `${origin}/o/`]) {
      expect(metadataUrls(issuer)).toEqual([
        `${origin}/o/.well-known/openid-configuration`,
        `${origin}${rfc8414}/o`,
        `${origin}/o${rfc8414}`,
      ]);
    }
  });

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

describe('fetchMetadata', () => {
  const issuer = 'https://as.example.com';
  const fetched = async (...statuses: number[]) => {
    const urls: string[] = [];
    const response = await fetchMetadata(issuer, async (url) => ({ url, status: statuses[urls.push(url) - 1] }));
    return { response, urls };
  };

  it('sends no second request after a status other than 404', async () => {
    for (const status of [200, 503]) {
      const { response, urls } = await fetched(status);
      expect(response).toEqual({ url: metadataUrls(issuer)[0], status });
      expect(urls).toHaveLength(1);
    }
  });

  it('returns the second response after a 404', async () => {
    const { response, urls } = await fetched(404, 503);
    expect(response).toEqual({ url: metadataUrls(issuer)[1], status: 503 });
    expect(urls).toEqual(metadataUrls(issuer));
  });

  it('returns the first response if both are 404', async () => {
    expect((await fetched(404, 404)).response).toEqual({ url: metadataUrls(issuer)[0], status: 404 });
  });

  describe('with verdicts', () => {
    const path = `${issuer}/o`;
    /** Returns the index of the URL whose response is the result, and how many were fetched. */
    async function searched(...verdicts: (MetadataVerdict | 404)[]) {
      let count = 0;
      const response = await fetchMetadata(
        path,
        async (url) => ({ url, status: verdicts[count] === 404 ? 404 : 200, verdict: verdicts[count++] }),
        ({ verdict }) => verdict as MetadataVerdict,
      );
      return [metadataUrls(path).indexOf(response.url), count];
    }

    it.each<[MetadataVerdict | 404, MetadataVerdict | 404, MetadataVerdict | 404, [number, number]]>([
      ['final', 404, 404, [0, 1]],
      ['unusable', 'final', 'final', [0, 1]],
      ['incomplete', 'final', 'final', [1, 2]],
      ['incomplete', 404, 'final', [2, 3]],
      ['incomplete', 'unusable', 'final', [2, 3]],
      ['incomplete', 'unusable', 'unusable', [0, 3]],
      ['incomplete', 'incomplete', 'incomplete', [0, 3]],
      [404, 'incomplete', 404, [1, 3]],
      [404, 'unusable', 'final', [1, 2]],
      [404, 404, 'final', [2, 3]],
      [404, 404, 404, [0, 3]],
    ])('returns after %s, %s and %s the response that says most', async (first, second, third, expected) => {
      expect(await searched(first, second, third)).toEqual(expected);
    });
  });
});

describe('checkMetadata', () => {
  const settings = { issuer: 'https://as.example.com', allowInsecureHttp: false };
  const checked = (metadata: object) => checkMetadata('introspection_endpoint', metadata, settings);

  it('returns all that is wrong with a document, without an error', () => {
    expect(checked({ issuer: 'https://other.example', introspection_endpoint: 'http://a/' })).toEqual({
      named: 'https://other.example',
      isSameIssuer: false,
      url: 'http://a/',
      problem: expect.stringContaining('must be https'),
    });
    expect(checked({ introspection_endpoint: 1 })).toEqual({
      named: undefined,
      isSameIssuer: false,
      url: undefined,
      problem: undefined,
    });
  });

  it('ignores inherited members', () => {
    const { issuer } = settings;
    expect(checked(Object.create({ issuer, introspection_endpoint: `${issuer}/i` }))).toMatchObject({
      isSameIssuer: false,
      url: undefined,
    });
  });
});

describe('issuerProblem', () => {
  const notAsRequested = 'must be written as it is requested: no dot segments, and nothing that needs percent-encoding';
  it.each([
    ['https://as.example.com', undefined],
    ['https://as.example.com/', undefined],
    ['https://as.example.com/o/', undefined],
    ['https://as.example.com?', 'must not have a query'],
    ['https://as.example.com/o?p=1', 'must not have a query'],
    ['https://as.example.com/.well-known/openid-configuration', 'must be the issuer alone, without "/.well-known/…"'],
    ['https://as.example.com/a/../b', notAsRequested],
    ['https://as.example.com/ü', notAsRequested],
    ['as.example.com', 'must be an absolute URL, such as "https://example.com"'],
  ])('of %s → %s', (issuer, problem) => {
    expect(issuerProblem(issuer, false)).toBe(problem);
  });
});

describe('readServerMetadata', () => {
  const issuer = 'https://as.example.com';
  const other = 'names another issuer than the option "issuer"';
  it.each<['introspection_endpoint' | 'jwks_uri', string, object, string]>([
    ['jwks_uri', issuer, { issuer: 'https://b.example' }, `${other}: they must be equal, character by character`],
    ['jwks_uri', issuer, {}, `${other}: they must be equal, character by character`],
    [
      'jwks_uri',
      issuer,
      { issuer: `${issuer}/` },
      `${other}: it ends with a slash there, so add one at the end of the option`,
    ],
    [
      'jwks_uri',
      `${issuer}/`,
      { issuer },
      `${other}: it does not end with a slash there, so remove the slash at the end of the option`,
    ],
    ['jwks_uri', issuer, { issuer }, 'names no jwks_uri: without it no JWT can be checked here'],
    [
      'introspection_endpoint',
      issuer,
      { issuer, introspection_endpoint: 5 },
      'names no introspection_endpoint: if the server has one, give it as "introspectionEndpoint"',
    ],
    ['jwks_uri', issuer, { issuer, jwks_uri: `${issuer}/#a` }, 'names a jwks_uri that must not have a fragment'],
    [
      'introspection_endpoint',
      issuer,
      { issuer, introspection_endpoint: 'ftp://a' },
      'names an introspection_endpoint that must be an https URL',
    ],
  ])(
    'throws an InvalidResponseError that says what is wrong with %s: issuer %s, document %j',
    (member, configured, document, problem) => {
      const response = { status: 200, header: () => 'application/json', body: JSON.stringify(document) };
      const settings = { issuer: configured, allowInsecureHttp: false, now: Date.now };
      expect(() => readServerMetadata(member, response, settings)).toThrow(
        new InvalidResponseError(`The metadata of ${issuer} ${problem}`),
      );
    },
  );
});

describe('examineMetadata', () => {
  const issuer = 'https://as.example.com';
  it.each<[number, object | string, MetadataVerdict]>([
    [200, { issuer, jwks_uri: 'x' }, 'final'],
    [200, { issuer }, 'incomplete'],
    [200, { issuer: 'https://b.example', jwks_uri: 'x' }, 'unusable'],
    [200, '<html>', 'unusable'],
    [401, { issuer, jwks_uri: 'x' }, 'unusable'],
    [428, '', 'unusable'],
    [429, '', 'final'],
    [430, '', 'unusable'],
    [499, '', 'unusable'],
    [500, '', 'final'],
    [503, '', 'final'],
  ])('says of a %d with the body %j: %s', (status, document, verdict) => {
    const body = typeof document === 'string' ? document : JSON.stringify(document);
    const response = { status, header: () => 'application/json', body };
    expect(examineMetadata('jwks_uri', response, { issuer, allowInsecureHttp: false })).toBe(verdict);
  });
});
