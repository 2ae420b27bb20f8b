import { describe, expect, it } from 'vitest';
import { requestedMetadata } from '../../src/adapter/index.js';
import { protectedResourceMetadata } from '../../src/index.js';

const path = '/.well-known/oauth-protected-resource/v1';
const document = protectedResourceMetadata({
  resource: 'https://api.example/v1',
  issuer: 'https://issuer.example',
});

describe('requestedMetadata', () => {
  it.each([
    ['a GET of the path', 'GET', path],
    ['a HEAD of the path', 'HEAD', path],
    ['a GET of an absolute URL', 'GET', `https://api.example${path}`],
    ['a GET with a query', 'GET', `${path}?a=b`],
  ])('returns the document for %s', (_, method, url) => {
    expect(requestedMetadata({ path, document }, { authorization: null, method, url })).toBe(document);
  });

  it.each([
    ['a POST', 'POST', path],
    ['a longer path', 'GET', `${path}/users`],
    ['a path that contains it', 'GET', `/files${path}`],
    ['a query that contains it', 'GET', `/files?name=${path}`],
    ['a request without a URL', 'GET', undefined],
  ])('returns nothing for %s', (_, method, url) => {
    expect(requestedMetadata({ path, document }, { authorization: null, method, url } as never)).toBeUndefined();
  });

  it('returns nothing without a document', () => {
    expect(requestedMetadata(undefined, { authorization: null, method: 'GET', url: path })).toBeUndefined();
  });
});
