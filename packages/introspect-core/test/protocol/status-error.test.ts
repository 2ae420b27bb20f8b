import { describe, expect, it, vi } from 'vitest';
import { traitsOf } from '../../src/errors/failure-traits.js';
import { introspectionStatusError, rejectsClient, statusError } from '../../src/protocol/status-error.js';

const origin = 'https://as.example.com';
const now = () => Date.UTC(2030, 0, 1);

function responseOf(status: number, body: string | object = '', retryAfter: string | null = null) {
  const header = (name: string) => (name === 'retry-after' ? retryAfter : null);
  return { status, header, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

describe('introspectionStatusError', () => {
  it.each([
    [401, ''],
    [401, { error: 'invalid_request' }],
    [400, { error: 'invalid_client' }],
    [400, { error: 'unauthorized_client' }],
    [403, { error: 'invalid_client' }],
    [403, 'not JSON'],
  ])('status %d with the body %j → InvalidClientError', (status, body) => {
    const error = introspectionStatusError(responseOf(status, body), origin, now);
    expect(error).toMatchObject({ code: 'invalid_client' });
    const named = typeof body === 'object' && status !== 401 ? `, "${body.error}"` : '';
    expect(error.message).toContain(`${origin} rejected this API's own credentials (${status}${named}): `);
  });

  it.each([
    [400, { error: 'unsupported_token_type' }, 'invalid_token'],
    [403, { error: 'unsupported_token_type' }, 'invalid_response'],
    [400, 'not JSON', 'invalid_response'],
    [403, {}, 'invalid_response'],
    [403, { error: 'access_denied' }, 'invalid_response'],
    [404, { error: 'invalid_client' }, 'invalid_response'],
    [500, { error: 'invalid_client' }, 'unavailable'],
  ])('status %d with the body %j → code "%s"', (status, body, code) => {
    expect(introspectionStatusError(responseOf(status, body), origin, now)).toMatchObject({ code });
  });
});

describe('introspectionStatusError, for rejected credentials', () => {
  const advice =
    'check client id and secret, whether the secret was rotated, and that the OAuth client is active and may introspect; one made a moment ago may need some seconds';

  it.each([
    [401, '', '401'],
    [403, 'not JSON', '403'],
    [400, { error: 'invalid_client' }, '400, "invalid_client"'],
    [400, { error: 'unauthorized_client' }, '400, "unauthorized_client"'],
  ])('says of a %d with the body %j what to check, and adds the hint', (status, body, reported) => {
    const hint = vi.fn((isRejection: boolean) => ` hint: ${isRejection}`);
    const messageOf = (...rest: [typeof hint] | []) =>
      introspectionStatusError(responseOf(status, body), origin, now, ...rest).message;
    const message = `${origin} rejected this API's own credentials (${reported}): ${advice}`;
    expect([messageOf(), messageOf(hint)]).toEqual([message, `${message} hint: true`]);
  });

  it('adds another hint to the message of another OAuth error', () => {
    const response = responseOf(400, { error: 'invalid_request' });
    const { message } = introspectionStatusError(response, origin, now, (isRejection) => ` hint: ${isRejection}`);
    expect(message).toMatch(/whether the realm or tenant is enabled hint: false$/);
  });
});

describe('introspectionStatusError for a 400 or 403 with an OAuth error', () => {
  it.each([
    [400, 'invalid_request', '"invalid_request"'],
    [403, 'invalid_request', '"invalid_request"'],
    [403, 'access_denied', '"access_denied"'],
    [403, 'unsupported_token_type', '"unsupported_token_type"'],
    [400, 'invalid_scope', '"invalid_scope"'],
    [400, 'canary', 'another OAuth error'],
    [400, 'constructor', 'another OAuth error'],
  ])('says of %d %s that the URL is right, and what to check', (status, error, named) => {
    const { message } = introspectionStatusError(
      responseOf(status, { error, error_description: 'canary' }),
      origin,
      now,
    );
    expect(message).toBe(
      `${origin} responded with ${status} and ${named}, so the URL is right: check the type of this OAuth client (confidential), its authentication method, whether the server requires HTTPS, and whether the realm or tenant is enabled`,
    );
  });
});

describe('rejectsClient', () => {
  it.each([
    [401, '', true],
    [400, { error: 'unauthorized_client' }, true],
    [400, { error: 'not_invalid_client' }, false],
    [403, 'not JSON', false],
    [500, { error: 'invalid_client' }, false],
  ])('status %d with the body %j → %s', (status, body, expected) => {
    expect(rejectsClient(responseOf(status, body))).toBe(expected);
  });
});

describe('statusError', () => {
  it('reports a 401 like any other status, because a document needs no credentials', () => {
    expect(statusError(responseOf(401), origin, now)).toMatchObject({
      code: 'invalid_response',
      message: `${origin} responded with 401 instead of 200: check the configured URL, and that it belongs to this server`,
    });
  });

  it.each([
    [429, { isRateLimit: true, isTransient: true }],
    [500, { isRateLimit: false, isTransient: false }],
    [502, { isRateLimit: false, isTransient: true }],
    [503, { isRateLimit: false, isTransient: true }],
    [504, { isRateLimit: false, isTransient: true }],
  ])('gives the error of a %d its traits', (status, traits) => {
    const error = statusError(responseOf(status), origin, now);
    expect([error.code, traitsOf(error)]).toEqual(['unavailable', traits]);
  });

  it.each([
    ['7', 7],
    ['Tue, 01 Jan 2030 00:00:05 GMT', 5],
    ['Tuesday, 01-Jan-30 00:00:05 GMT', 5],
    ['Tue Jan  1 00:00:05 2030', 5],
    ['Tue Jan 01 00:00:05 2030', 5],
    ['Mon, 31 Dec 2029 00:00:00 GMT', 0],
    ['0', 0],
    ['3600', 3600],
    ['3601', 3600],
    ['-5', undefined],
    ['5.5', undefined],
    ['5 s', undefined],
    ['', undefined],
    ['2030-01-01T00:00:05Z', undefined],
    ['on Tue, 01 Jan 2030 00:00:05 GMT', undefined],
    ['x Tue, 01 Jan 2030 00:00:05 GMT', undefined],
    ['Tue, 01 Jan 2030 00:00:05 GMT+1', undefined],
    ['Tue, 01 Jan 2030 00:00:05 GMT (UTC)', undefined],
    ['(x) Tue Jan  1 00:00:05 2030', undefined],
    ['Tue Jan  1 00:00:05 2030 (x)', undefined],
    ['4000', 3600],
    ['soon', undefined],
    [null, undefined],
  ])('reads the Retry-After %j as %j seconds', (retryAfter, retryAfterSeconds) => {
    expect(statusError(responseOf(503, '', retryAfter), origin, now)).toMatchObject({ retryAfterSeconds });
  });

  const overloaded = 'it is overloaded or broken';
  const redirect =
    'a redirect, which is not followed: a token goes to the configured server only. Configure the final URL';
  const unexpected = 'check the configured URL, and that it belongs to this server';
  it.each([
    [201, 'invalid_response', `201 instead of 200: ${unexpected}`],
    [299, 'invalid_response', `299 instead of 200: ${unexpected}`],
    [300, 'invalid_response', `300, ${redirect}`],
    [307, 'invalid_response', `307, ${redirect}`],
    [399, 'invalid_response', `399, ${redirect}`],
    [400, 'invalid_response', `400 instead of 200: ${unexpected}`],
    [404, 'invalid_response', `404 instead of 200: ${unexpected}`],
    [428, 'invalid_response', `428 instead of 200: ${unexpected}`],
    [429, 'unavailable', '429: it gets too many requests, or a quota is used up'],
    [430, 'invalid_response', `430 instead of 200: ${unexpected}`],
    [499, 'invalid_response', `499 instead of 200: ${unexpected}`],
    [500, 'unavailable', `500: ${overloaded}`],
    [503, 'unavailable', `503: ${overloaded}`],
  ])('says of a %d what it means, and what to do', (status, code, rest) => {
    const error = statusError(responseOf(status), origin, now);
    expect([error.code, error.message]).toEqual([code, `${origin} responded with ${rest}`]);
  });
});
