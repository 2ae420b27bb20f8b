import { describe, expect, it } from 'vitest';
import { protectedResourceMetadata } from '../../src/index.js';
import { protectedResourceMetadataUrl } from '../../src/protocol/protected-resource-metadata.js';
import { vectors } from '../support/vectors.js';

interface DocumentVector {
  id: string;
  resource: string;
  document: { scopes_supported?: string[] };
  expect: string;
  scope?: 'later';
}

interface UrlVector {
  id: string;
  kind?: string;
  identifier: string;
  candidates: [{ url: string }];
}

const issuer = 'https://as.example.com';

describe('protectedResourceMetadata', () => {
  const all = vectors<DocumentVector>('protected-resource-metadata');
  // Members that we never write; a vector about them is for who reads documents.
  const unwritten = ['prm-alg-none', 'prm-dpop'];
  const now = all.filter(({ id, scope }) => scope !== 'later' && !unwritten.includes(id));
  const build = ({ resource, document: { scopes_supported } }: DocumentVector) =>
    protectedResourceMetadata({ resource, issuer, ...(scopes_supported && { scopes: scopes_supported }) });

  it.each(now.filter(({ expect }) => expect === 'valid'))('$id', (vector) => {
    expect(build(vector)).toMatchObject(vector.document);
  });

  it('prm-empty-array: an empty list is left out', () => {
    const [vector] = now.filter(({ id }) => id === 'prm-empty-array');
    expect(vector && build(vector)).toEqual({
      resource: 'https://api.example.com',
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
    });
  });

  it('prm-http-resource: rejected, except on loopback', () => {
    const [vector] = now.filter(({ id }) => id === 'prm-http-resource');
    expect(() => vector && build(vector)).toThrow('protectedResourceMetadata: "resource" must be https');
    expect(protectedResourceMetadata({ resource: 'http://127.0.0.1:3000', issuer }).resource).toBe(
      'http://127.0.0.1:3000',
    );
  });

  it.each([
    ['https://api.example.com/#x', 'must not have a fragment'],
    ['https://me@api.example.com', 'must not hold a user name'],
    ['api.example.com', 'must be an absolute URL'],
  ])('rejects the resource %s', (resource, message) => {
    expect(() => protectedResourceMetadata({ resource, issuer })).toThrow(message);
  });

  it('copies its list, so that later changes do not matter', () => {
    const scopes = ['items:read'];
    const document = protectedResourceMetadata({ resource: 'https://api.example.com', issuer, scopes });
    scopes.push('items:write');
    expect(document.scopes_supported).toEqual(['items:read']);
  });

  it('only vectors for members that it never writes, and for MCP, are left out', () => {
    expect(now.map(({ id }) => id)).toEqual(['prm-min', 'prm-mcp', 'prm-empty-array', 'prm-http-resource']);
    expect(all.filter(({ scope }) => scope === 'later').map(({ id }) => id)).toEqual([
      'prm-mcp-no-as', // ours names its server always
      'prm-offline-access', // a scope to be warned of
    ]);
  });
});

it('a document without an issuer names no authorization server', () => {
  expect(protectedResourceMetadata({ resource: 'https://api.example.com' })).toEqual({
    resource: 'https://api.example.com',
    bearer_methods_supported: ['header'],
  });
});

describe('protectedResourceMetadataUrl', () => {
  const urls = vectors<UrlVector>('discovery').filter(({ kind }) => kind === 'protected-resource');

  it.each(urls)('$id', ({ identifier, candidates: [{ url }] }) => {
    expect(protectedResourceMetadataUrl(identifier)).toBe(url);
  });

  it('needs no escaping in a challenge, for any resource', () => {
    const url = protectedResourceMetadataUrl('https://api.example.com/a"b/ü?c="d"');
    expect(url).toBe('https://api.example.com/.well-known/oauth-protected-resource/a%22b/%C3%BC?c=%22d%22');
  });
});
