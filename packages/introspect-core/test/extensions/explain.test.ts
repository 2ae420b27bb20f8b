import {
  inactive,
  json,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { base64url } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dateOf, quoted, relativeTime } from '../../src/extensions/explain/wording.js';
import { type ExplainInactiveOptions, explainInactive } from '../../src/extensions/zitadel/explain.js';
import { Authorizer, type IntrospectEvent, ofetchTransport, type Transport } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';
import { type IssuerKey, issuerKey, keyFetches, publish } from '../support/issuer.js';

let server: ScriptedServer;
let clocks: Clocks;
let key: IssuerKey;
beforeEach(async () => {
  server = await startScriptedServer();
  clocks = new Clocks();
  key = await issuerKey('key-1', { iss: server.origin, aud: ['api', 'P1'], exp: clocks.in(3600) });
  publish(server, [key]);
});
afterEach(() => server.close());

const explain = (token: string, options: Partial<ExplainInactiveOptions> = {}) =>
  explainInactive(token, { issuer: server.origin, clientId: 'api', projectId: 'P1', now: clocks.now, ...options });

describe('explainInactive, for a JWT', () => {
  it.each([
    [-180, 'It expired 3 min ago (2025-06-15T15:03:40.000Z).'],
    [-1, 'It expired 1 sec ago'],
    [-7200, 'It expired 2 hr ago'],
    [-200_000, 'It expired 2 days ago'],
    [0, 'It expired 0 sec'],
  ])('that expires %i s from now, says when it expired', async (seconds, message) => {
    const explanation = await explain(await key.sign({ exp: clocks.in(seconds) }));
    expect(explanation).toMatchObject({ cause: 'expired', message: expect.stringContaining(message) });
  });

  it('that is not valid yet, says when it will be', async () => {
    const explanation = await explain(await key.sign({ nbf: clocks.in(240) }));
    expect(explanation).toMatchObject({ cause: 'not_yet_valid', message: expect.stringContaining('in 4 min (') });
  });

  it('with times beyond the range of a date, prints the number', async () => {
    const later = await explain(await key.sign({ nbf: 1e300 }));
    expect(later).toMatchObject({
      cause: 'not_yet_valid',
      message: 'It will be valid far in the future (1e+300 s).',
    });
    const earlier = await explain(await key.sign({ exp: -1e300 }));
    expect(earlier).toMatchObject({ cause: 'expired', message: 'It expired long ago (-1e+300 s).' });
  });

  it('of another issuer, names both issuers without a request', async () => {
    const explanation = await explain(await key.sign({ iss: 'https://other.example' }));
    expect(explanation).toEqual({
      cause: 'issuer_mismatch',
      message: `It was issued by "https://other.example", and this API trusts "${server.origin}".`,
      advice: 'Get a token from that issuer, or configure the one that issued it.',
    });
    expect(server.requests).toEqual([]);
  });

  it('whose claims are long or have line breaks, returns one short line', async () => {
    const { message } = await explain(await key.sign({ iss: `https://x\n${'y'.repeat(5000)}` }));
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(400);
  });

  it.each([0x9b, 0x7f, 0x202e, 0x2028, 0x2029, 0xfeff, 0xe0041])(
    'whose claims contain a control character (code point %i), replaces it',
    async (codePoint) => {
      const claim = `x${String.fromCodePoint(codePoint)}31m`;
      const messages = [await explain(await key.sign({ iss: claim })), await explain(await key.sign({ aud: [claim] }))];
      for (const { message } of messages) {
        expect(message).toContain('"x\ufffd');
        expect(message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }
    },
  );

  it('for another audience, names the scope that adds this API', async () => {
    const explanation = await explain(await key.sign({ aud: ['other'] }));
    expect(explanation).toMatchObject({
      cause: 'audience_mismatch',
      message: 'Its audience ["other"] lacks this API\'s client id "api" and its project id "P1".',
      advice: expect.stringContaining('urn:zitadel:iam:org:project:id:P1:aud'),
    });
  });

  it.each([
    ['no audience', undefined, '[]'],
    ['an audience that holds ours as a part of a word', 'an-api-P1', '["an-api-P1"]'],
  ])('with %s, says that the audience does not match', async (_, aud, shown) => {
    expect(await explain(await key.sign({ aud }))).toMatchObject({
      cause: 'audience_mismatch',
      message: `Its audience ${shown} lacks this API's client id "api" and its project id "P1".`,
    });
  });

  it.each([['api'], ['P1'], [['other', 'P1']]])('whose audience is %j, accepts the audience', async (aud) => {
    expect(await explain(await key.sign({ aud }))).toMatchObject({ cause: 'revoked' });
  });

  it('without an issuer, does not blame the issuer', async () => {
    expect(await explain(await key.sign({ iss: undefined, aud: 'api' }))).toMatchObject({ cause: 'revoked' });
  });

  it('without "projectId", says that the audience may name the project', async () => {
    const explanation = await explain(await key.sign({ aud: ['P1'] }), { projectId: undefined });
    expect(explanation).toMatchObject({
      cause: 'audience_mismatch',
      message: expect.stringContaining('"projectId"'),
      advice: expect.stringContaining('urn:zitadel:iam:org:project:id:<project id>:aud'),
    });
  });

  it('signed by another key under a known kid, says that the signature is wrong', async () => {
    const stranger = await issuerKey('key-1', { iss: server.origin });
    expect(await explain(await stranger.sign())).toMatchObject({ cause: 'bad_signature' });
  });

  it('signed by a key that the issuer does not publish, says so', async () => {
    const stranger = await issuerKey('key-0', { iss: server.origin });
    expect(await explain(await stranger.sign())).toMatchObject({ cause: 'unknown_key' });
  });

  const otherwise: readonly [what: string, header: object][] = [
    ['not signed', { alg: 'none' }],
    ['signed by a secret', { alg: 'HS256', kid: 'key-1' }],
    ['with an unknown algorithm', { alg: 'XS1', kid: 'key-1' }],
    ['without an algorithm', { kid: 'key-1' }],
    ['with an unsupported crit', { alg: 'ES256', kid: 'key-1', crit: ['x'], x: 1 }],
  ];
  it.each(otherwise)('%s, says that it is signed in a way that this issuer does not use', async (_, header) => {
    const token = [base64url.encode(JSON.stringify(header)), ...(await key.sign()).split('.').slice(1)].join('.');
    const explanation = {
      cause: 'bad_signature',
      message: 'It is not signed, or in a way that this issuer does not use.',
      advice: 'Look at where it comes from: this issuer did not create it.',
    };
    expect(await explain(token)).toEqual(explanation);
    server.at('/.well-known/openid-configuration', respond({ status: 500 }));
    server.at('/oauth/v2/keys', respond({ status: 500 }));
    expect(await explain(token)).toEqual(explanation);
  });

  it('without a kid, tries each of two keys without a kid', async () => {
    const nameless = await Promise.all([1, 2, 3].map(() => issuerKey(undefined, { iss: server.origin, aud: 'api' })));
    publish(server, nameless.slice(0, 2));
    const causes = await Promise.all(nameless.map(async (each) => (await explain(await each.sign())).cause));
    expect(causes).toEqual(['revoked', 'revoked', 'bad_signature']);
  });

  it('whose key this runtime cannot use, explains the claims, and says that the signature was not checked', async () => {
    publish(server, [{ ...key, jwk: { kty: 'RSA', kid: 'key-1', alg: 'RS256', n: 'AQAB', e: 'AQAB' } }]);
    const rsa = await issuerKey('key-1', { iss: server.origin, aud: 'api' }, 'RS256');
    const { cause, message } = await explain(await rsa.sign());
    expect(cause).toBe('revoked');
    expect(message).toMatch(/Its signature was not checked: the issuer's key could not be used here\.$/);
  });

  it.each([
    ['an ID token', { nonce: 'n' }],
    ['an ID token', { at_hash: 'h' }],
    ['a logout token', { events: {} }],
  ])('that is %s, says so', async (kind, claims) => {
    expect(await explain(await key.sign(claims))).toMatchObject({
      cause: 'not_an_access_token',
      message: `It is ${kind}.`,
    });
  });

  it('that reads as good, guesses that it was revoked or superseded, or that its user is gone', async () => {
    const { cause, message } = await explain(await key.sign());
    expect(cause).toBe('revoked');
    expect(message).toMatch(/revoked.*superseded by a refresh.*user is/);
    expect(message).not.toContain('signature');
  });

  it('fetches the keys once for many tokens', async () => {
    for (let i = 0; i < 5; i++) await explain(await key.sign({ jti: String(i) }));
    expect(keyFetches(server)).toBe(1);
  });

  it('sends the headers with each request for the keys', async () => {
    await explain(await key.sign(), { headers: { 'x-zitadel-instance-host': 'acme.example' } });
    expect(server.requests).toHaveLength(2);
    for (const request of server.requests) expect(request.field('x-zitadel-instance-host')).toEqual(['acme.example']);
  });

  it.each([
    ['no discovery document', () => server.at('/.well-known/openid-configuration', respond({ status: 404 }))],
    ['a discovery document without keys', () => server.at('/.well-known/openid-configuration', json({}))],
    ['no key set', () => server.at('/oauth/v2/keys', json({ keys: 'none' }))],
    ['a login page', () => server.at('/oauth/v2/keys', respond({ body: '<html>' }))],
    ['a broken server', () => server.at('/oauth/v2/keys', respond({ status: 500 }))],
    ['no server', () => server.close()],
  ])('explains the claims if there is %s, and says that the signature was not checked', async (_, breakIt) => {
    await breakIt();
    const explanation = await explain(await key.sign({ exp: clocks.in(-1) }));
    expect(explanation.cause).toBe('expired');
    expect(explanation.message).toMatch(/Its signature was not checked: the issuer's keys could not be fetched\.$/);
  });
});

describe('explainInactive, reading a document of the issuer', () => {
  const documents = ['/.well-known/openid-configuration', '/oauth/v2/keys'];
  const limit = 262_144;
  /** Returns both documents in one, with this size. */
  function ofSize(bytes: number): ScriptedResponse {
    const document = { issuer: server.origin, jwks_uri: `${server.origin}/oauth/v2/keys`, keys: [key.jwk], pad: '' };
    return json({ ...document, pad: 'x'.repeat(bytes - JSON.stringify(document).length) });
  }

  it.each(documents)('(%s) accepts 256 KiB, and not a byte more', async (path) => {
    server.at(path, ofSize(limit + 1));
    expect((await explain(await key.sign())).message).toMatch(/the issuer's keys could not be fetched\.$/);
    server.at(path, ofSize(limit));
    expect((await explain(await key.sign())).message).not.toContain('signature');
  });

  it.each(documents)('(%s) stops reading a body that has no end', async (path) => {
    const received = Promise.withResolvers<number>();
    server.at(path, (response) => {
      let bytes = 0;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.on('close', () => received.resolve(bytes));
      const send = () => {
        do bytes += 65_536;
        while (response.write(' '.repeat(65_536)) && !response.destroyed);
      };
      response.on('drain', send);
      send();
    });
    expect((await explain(await key.sign())).message).toMatch(/the issuer's keys could not be fetched\.$/);
    expect(await received.promise).toBeLessThan(100 * limit); // the rest is in socket buffers, unread
  });
});

describe('explainInactive, as the option of an authorizer', () => {
  /** Lets an authorizer receive inactive tokens, and returns the explanations and the URLs that its transport requested. */
  async function explained(tokens: readonly string[]) {
    server.always(inactive());
    const events: IntrospectEvent[] = [];
    const urls: string[] = [];
    const transport: Transport = (request) => {
      urls.push(new URL(request.url).pathname);
      return ofetchTransport(request);
    };
    const authorizer = new Authorizer({
      issuer: server.origin,
      introspectionEndpoint: server.introspectionEndpoint,
      clientId: 'api',
      clientSecret: 'secret',
      headers: { 'x-zitadel-instance-host': 'acme.example' },
      transport,
      now: clocks.now,
      monotonicNow: clocks.monotonicNow,
      onEvent: (event) => void events.push(event),
      explainInactive: (token, context) => explainInactive(token, { ...context, clientId: 'api', projectId: 'P1' }),
    });
    const explanations = () => events.flatMap((event) => (event.type === 'inactive_explained' ? [event] : []));
    for (const [index, token] of tokens.entries()) {
      await expect(authorizer.authorize(`Bearer ${token}`)).rejects.toMatchObject({ reason: 'inactive' });
      await vi.waitFor(() => expect(explanations()).toHaveLength(index + 1), 60_000);
    }
    return { causes: explanations().map(({ cause }) => cause), explanations: explanations(), events, urls };
  }

  it("fetches the keys once, with the client's own transport and headers", async () => {
    const stranger = await issuerKey('key-1', { iss: server.origin });
    const tokens = [await key.sign({ exp: clocks.in(-1) }), await stranger.sign(), await key.sign()];
    const { causes, urls } = await explained(tokens);
    expect(causes).toEqual(['expired', 'bad_signature', 'revoked']);
    const fetches = ['/.well-known/openid-configuration', '/oauth/v2/keys'];
    expect(urls.filter((url) => fetches.includes(url))).toEqual(fetches);
    for (const request of server.requests) expect(request.field('x-zitadel-instance-host')).toEqual(['acme.example']);
  });

  it('emits an event if the keys cannot be fetched, and tries again with the next token', async () => {
    server.at('/oauth/v2/keys', respond({ status: 500 }));
    const { explanations, events } = await explained([await key.sign(), await key.sign({ jti: '2' })]);
    for (const { message } of explanations) expect(message).toMatch(/the issuer's keys could not be fetched\.$/);
    expect(events.filter(({ type }) => type === 'jwks_failed')).toHaveLength(2);
  });
});

describe('explainInactive, called without an authorizer', () => {
  it('sends its requests with the given transport, or with the default one', async () => {
    const transport = vi.fn<Transport>(ofetchTransport);
    const token = await key.sign();
    expect(await explain(token, { transport })).toMatchObject({ cause: 'revoked' });
    expect(transport.mock.calls.map(([{ method, url }]) => [method, new URL(url).pathname])).toEqual([
      ['GET', '/.well-known/openid-configuration'],
      ['GET', '/oauth/v2/keys'],
    ]);
    expect(await explain(token)).toMatchObject({ cause: 'revoked' });
    expect(transport).toHaveBeenCalledTimes(2);
    expect(keyFetches(server)).toBe(2);
  });

  it('remembers the keys of 16 issuers', async () => {
    const fetchKeys = vi.fn(async () => ({ keys: [key.jwk] }));
    const token = await key.sign();
    const fetchesWith = async (...numbers: number[]) => {
      for (const number of numbers) await explain(token, { fetchKeys, headers: { 'x-instance': String(number) } });
      return fetchKeys.mock.calls.length;
    };
    expect(await fetchesWith(...Array(16).keys())).toBe(16);
    expect(await fetchesWith(...Array(16).keys())).toBe(16);
    expect(await fetchesWith(16, 16)).toBe(17);
    expect(await fetchesWith(0)).toBe(18);
  });

  it('does not fetch keys that are named by the metadata of another issuer', async () => {
    server.at(
      '/.well-known/openid-configuration',
      json({ issuer: 'https://other.example', jwks_uri: `${server.origin}/oauth/v2/keys` }),
    );
    expect((await explain(await key.sign())).message).toMatch(/the issuer's keys could not be fetched\.$/);
    expect(keyFetches(server)).toBe(0);
  });
});

describe('explainInactive, for a token that is not a JWT', () => {
  it.each([
    ['Bearer abc', 'the word Bearer'],
    ['abc\n', 'a line break'],
    [' abc', 'white space'],
    ['"abc"', 'quotes'],
    ['ab c', 'characters'],
    ['abç', 'characters'],
    ['', 'characters'],
    ['eyJhbGciOiJSUzI1NiJ9', 'parts of it are missing'],
    ['eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0', 'parts of it are missing'],
  ])('%j: says how it was damaged', async (token, message) => {
    expect(await explain(token)).toMatchObject({ cause: 'malformed', message: expect.stringContaining(message) });
  });

  it.each(['VjJfMzEwMDAwMDAwMDAwMDAwMDAxLWF0', 'a.b.c', 'a.b.c.d.e'])('%s: says that it is opaque', async (token) => {
    const explanation = await explain(token);
    expect(explanation).toMatchObject({
      cause: 'opaque',
      advice: expect.stringContaining('urn:zitadel:iam:org:project:id:P1:aud'),
    });
    expect(server.requests).toEqual([]);
  });
});

/** A token in the form of ZITADEL's opaque tokens: a JWE with an encrypted key, a nonce, a ciphertext and a tag. */
const jwe = [
  base64url.encode(JSON.stringify({ alg: 'A256GCMKW', enc: 'A256GCM', iv: 'x', tag: 'y' })),
  ...['k'.repeat(43), 'n'.repeat(16), 'c'.repeat(80), 't'.repeat(22)],
].join('.');
const userinfo = '/oidc/v1/userinfo';
const dead = json({ error: 'access_denied', error_description: 'access token invalid' }, { status: 401 });

describe('explainInactive, for an opaque token', () => {
  it('in the form of ZITADEL, says so', async () => {
    const { cause, message } = await explain(jwe);
    expect([cause, message]).toEqual(['opaque', expect.stringMatching(/^It is opaque, in the form of the access /)]);
    expect(server.requests).toEqual([]);
  });

  it('of another form, says that ZITADEL does not create such access tokens today', async () => {
    expect((await explain('VjJfMzEw')).message).toMatch(/^It is neither a JWT .* may be a refresh token/);
  });

  it.each([
    ['its last character', jwe.slice(0, -1)],
    ['its last part', jwe.replace(/\.t+$/, '')],
    ['a part in the middle', jwe.replace(`.${'n'.repeat(16)}`, '.')],
  ])('in the form of ZITADEL without %s, says that it is not whole', async (_, token) => {
    expect(await explain(token, { checkUserinfo: true })).toMatchObject({ cause: 'malformed' });
    expect(server.requests).toEqual([]);
  });

  it('that userinfo accepts, says for certain that the audience lacks this API', async () => {
    server.at(userinfo, json({ sub: 'mickey' }));
    const explanation = await explain(jwe, {
      checkUserinfo: true,
      headers: { 'x-zitadel-instance-host': 'a.example' },
    });
    expect(explanation).toMatchObject({
      cause: 'audience_mismatch',
      advice: expect.stringContaining('urn:zitadel:iam:org:project:id:P1:aud'),
    });
    const [request] = server.requests;
    expect(request?.field('authorization')).toEqual([`Bearer ${jwe}`]);
    expect(request?.field('x-zitadel-instance-host')).toEqual(['a.example']);
  });

  it('that userinfo rejects too, does not blame the audience', async () => {
    server.at(userinfo, dead);
    const { cause, message } = await explain(jwe, { checkUserinfo: true });
    expect([cause, message]).toEqual(['opaque', expect.stringContaining('rejects it too, so it is unknown')]);
    expect(message).not.toContain('audience');
  });

  it('is sent to the userinfo endpoint of an issuer with a slash at its end', async () => {
    server.at(userinfo, json({ sub: 'mickey' }));
    const explanation = await explain(jwe, { checkUserinfo: true, issuer: `${server.origin}/` });
    expect(explanation).toMatchObject({ cause: 'audience_mismatch' });
  });

  it('for which userinfo cannot be reached, says what both mean', async () => {
    const transport = () => Promise.reject(new Error('ECONNREFUSED'));
    const { message } = await explain(jwe, { checkUserinfo: true, transport });
    expect(message).toMatch(/and when its audience lacks this API\.$/);
  });

  it('for which userinfo responds with something else, says what both mean', async () => {
    server.at(userinfo, respond({ status: 503 }));
    expect((await explain(jwe, { checkUserinfo: true })).message).toMatch(/and when its audience lacks this API\.$/);
  });
});

describe('explainInactive, for a JWT without this API in its audience', () => {
  it.each([
    ['accepts', json({ sub: 'mickey' }), /nothing else is wrong with it\.$/],
    ['rejects', dead, /rejects the token too, so it was also revoked/],
  ])('that userinfo %s, says so', async (_, response, message) => {
    server.at(userinfo, response);
    const explanation = await explain(await key.sign({ aud: 'x' }), { checkUserinfo: true });
    expect(explanation).toMatchObject({
      cause: 'audience_mismatch',
      message: expect.stringMatching(message),
      advice: expect.stringMatching(/^Request it with the scope /),
    });
  });

  it('sends the token nowhere without checkUserinfo, and never for a token of another issuer', async () => {
    await explain(await key.sign({ aud: 'x' }));
    await explain(await key.sign({ iss: 'https://other.example' }), { checkUserinfo: true });
    expect(server.requests.map(({ url }) => url)).not.toContain(userinfo);
  });
});

describe('explainInactive, for a JWT under a key that was created after the keys were fetched', () => {
  it('does not call the key unknown: it says that the signature was not checked', async () => {
    const transport: Transport = (request) => ofetchTransport(request);
    const monotonicNow = clocks.monotonicNow;
    await explain(await key.sign(), { transport, monotonicNow });
    const fresh = await issuerKey('key-2', { iss: server.origin, aud: 'api', exp: clocks.in(3600) });
    const stranger = await issuerKey('key-0', { iss: server.origin });
    publish(server, [key, fresh]);
    const again = await explain(await fresh.sign(), { transport, monotonicNow });
    expect(again).toMatchObject({ cause: 'revoked', message: expect.stringContaining('when they were last fetched') });
    clocks.pass(30);
    const later = await explain(await fresh.sign(), { transport, monotonicNow });
    expect(later).toMatchObject({ cause: 'revoked', message: expect.not.stringContaining('not checked') });
    clocks.pass(30);
    expect(await explain(await stranger.sign(), { transport, monotonicNow })).toMatchObject({ cause: 'unknown_key' });
  });
});

describe('explainInactive, for a server that is not ZITADEL', () => {
  const other = { isZitadel: false, checkUserinfo: true };
  const texts = ({ message, advice }: { message: string; advice?: string }) => `${message} ${advice}`;

  it('explains an opaque token without a guess, and without a request', async () => {
    for (const token of ['abc', jwe]) {
      const explanation = await explain(token, other);
      expect(explanation.cause).toBe('opaque');
      expect(texts(explanation)).not.toMatch(/zitadel|scope|audience/i);
    }
    expect(server.requests).toEqual([]);
  });

  it('does not claim that the audience is the cause', async () => {
    const explanation = await explain(await key.sign({ aud: ['app'] }), other);
    expect(explanation).toMatchObject({
      cause: 'unknown',
      message: expect.stringContaining('Its audience ["app"] lacks this API\'s client id "api": some servers'),
    });
    expect(texts(explanation)).not.toMatch(/zitadel/i);
    expect((await explain(await key.sign(), other)).message).not.toContain('audience');
    expect(server.requests.map(({ url }) => url)).not.toContain(userinfo);
  });

  it.each([
    ['a refresh token', { typ: 'Refresh' }],
    ['an ID token', { typ: 'ID' }],
  ])('recognises %s that is signed with a secret of the server', async (kind, claims) => {
    const [, payload] = (await key.sign(claims)).split('.');
    const header = base64url.encode(JSON.stringify({ alg: 'HS512', kid: 'x' }));
    expect(await explain([header, payload, 'x'].join('.'), other)).toMatchObject({
      cause: 'not_an_access_token',
      message: `It is ${kind}. Its signature was not checked: it is signed with a secret that only the server has.`,
    });
  });

  it.each([
    ['none', 'It is not signed.'],
    ['XS1', 'its algorithm cannot be verified here'],
  ])('says only what is known of the algorithm %s', async (alg, message) => {
    const token = [base64url.encode(JSON.stringify({ alg })), ...(await key.sign()).split('.').slice(1)].join('.');
    expect((await explain(token, other)).message).toContain(message);
  });
});

describe('explainInactive', () => {
  it('never returns the token', async () => {
    const stranger = await issuerKey('key-1', { iss: server.origin });
    const tokens = [
      await key.sign(),
      await stranger.sign(),
      await key.sign({ aud: 'x' }),
      'canary-token',
      'canary token',
    ];
    for (const token of tokens) expect(JSON.stringify(await explain(token))).not.toContain(token);
  });

  it.each([
    [undefined, 'issuer'],
    [{}, 'issuer'],
    [{ issuer: 'https://as.example' }, 'clientId'],
  ])('rejects options without a required one (%j)', async (options, name) => {
    await expect(explainInactive('abc', options as never)).rejects.toThrow(
      `explainInactive: "${name}" must be a string`,
    );
  });

  it('rejects a token that is not a string', async () => {
    await expect(explain(undefined as never)).rejects.toThrow('explainInactive: the token must be a string');
  });
});

describe('explainInactive: the whole explanation', () => {
  const withPart = (token: string, part: number, value: object) =>
    token
      .split('.')
      .map((each, index) => (index === part ? base64url.encode(JSON.stringify(value)) : each))
      .join('.');
  const scope = 'the scope urn:zitadel:iam:org:project:id:P1:aud.';
  const login = 'A login must go through an application of the project.';
  const whole = (bad: string, message: string, advice: string): [string, object] => [
    bad,
    { cause: 'malformed', message, advice },
  ];

  it.each([
    whole('Bearer\tabc', 'It begins with the word Bearer.', 'Remove that word.'),
    whole('bearer abc', 'It begins with the word Bearer.', 'Remove that word.'),
    whole('\tabc', 'There is white space before or after it, such as a line break.', 'Cut that off.'),
    whole('abc ', 'There is white space before or after it, such as a line break.', 'Cut that off.'),
    whole("'abc", 'There are quotes around it.', 'Remove them.'),
    whole('abc"', 'There are quotes around it.', 'Remove them.'),
    ...['ab c', 'ab=c', 'ab"c', '=', 'abc=x'].map((token) =>
      whole(
        token,
        'There are characters in it that no bearer token has (RFC 6750 §2.1).',
        'Look at how it was copied or decoded.',
      ),
    ),
    ...['eyJ', 'eyJh.', 'eyJh.eyJp'].map((token) =>
      whole(token, 'It begins like a JWT, and parts of it are missing.', 'Look at where it was cut off.'),
    ),
  ])('of the damaged token %j', async (token, explanation) => {
    expect(await explain(token)).toEqual(explanation);
  });

  it.each(['abc-._~+/9==', 'aBearer', 'xeyJh', 'eyJhbGciOiJub25lIn0.x.y.z'])('finds no damage in %s', async (token) => {
    expect(await explain(token)).not.toMatchObject({ cause: 'malformed' });
  });

  it('of a JWT of another issuer', async () => {
    expect(await explain(await key.sign({ iss: 'https://other.example' }))).toEqual({
      cause: 'issuer_mismatch',
      message: `It was issued by "https://other.example", and this API trusts "${server.origin}".`,
      advice: 'Get a token from that issuer, or configure the one that issued it.',
    });
  });

  it('of a JWT whose signature is wrong, or whose key is not published', async () => {
    const [sameKid, otherKid] = await Promise.all(
      ['key-1', 'key-0'].map((kid) => issuerKey(kid, { iss: server.origin })),
    );
    expect(await explain((await sameKid?.sign()) ?? '')).toEqual({
      cause: 'bad_signature',
      message: "Its signature is wrong: it was not made by the issuer's key, or the token was changed since.",
      advice: 'Look at how it was copied: one changed or missing character is enough.',
    });
    const transport: Transport = (request) => ofetchTransport(request); // with it, the keys are fetched again
    expect(await explain((await otherKid?.sign()) ?? '', { transport })).toEqual({
      cause: 'unknown_key',
      message:
        'It is signed by a key that the issuer does not publish (any more): it is old, or from another server or instance.',
      advice: 'Get a new token.',
    });
  });

  it('of a JWT that has expired, or is not valid yet', async () => {
    expect(await explain(await key.sign({ exp: clocks.in(-60) }))).toEqual({
      cause: 'expired',
      message: 'It expired 1 min ago (2025-06-15T15:05:40.000Z).',
      advice: 'Get a new token, with the refresh token if there is one.',
    });
    expect(await explain(await key.sign({ nbf: clocks.in(86_400) }))).toEqual({
      cause: 'not_yet_valid',
      message: 'It will be valid in 1 day (2025-06-16T15:06:40.000Z).',
      advice: 'Compare the clocks of this machine and the server: introspect doctor does.',
    });
    expect(await explain(await key.sign({ nbf: clocks.in(0) }))).toMatchObject({ cause: 'revoked' });
  });

  it.each([
    ['c_hash', 'an ID token'],
    ['events', 'a logout token'],
  ])('of a JWT with "%s"', async (name, kind) => {
    expect(await explain(await key.sign({ [name]: 'x' }))).toEqual({
      cause: 'not_an_access_token',
      message: `It is ${kind}.`,
      advice: 'Send the access token.',
    });
  });

  it('of a JWT that reads as good', async () => {
    expect(await explain(await key.sign())).toEqual({
      cause: 'revoked',
      message:
        'It reads as good. So it was revoked, or superseded by a refresh (only the latest access token of a login is active), or its session has ended, or its user is locked, deactivated or gone, or ZITADEL was called under another origin (scheme, host or port) than its issuer.',
      advice:
        'Get a new token. If that is inactive too, check that proxies forward the host and the scheme of the issuer. ZITADEL also says inactive when it fails internally.',
    });
  });

  it.each([
    ['P1', 'and its project id "P1".', scope],
    [
      undefined,
      '; whether it names the project instead is unknown without "projectId".',
      'the scope urn:zitadel:iam:org:project:id:<project id>:aud.',
    ],
  ])('of a JWT for another audience, with projectId %j', async (projectId, end, wanted) => {
    expect(await explain(await key.sign({ aud: 'x' }), { projectId })).toEqual({
      cause: 'audience_mismatch',
      message: `Its audience ["x"] lacks this API's client id "api"${end.startsWith(';') ? '' : ' '}${end}`,
      advice: `Request it with ${wanted} ${login}`,
    });
  });

  it.each([
    [json({}), 'The userinfo endpoint accepts the token, so nothing else is wrong with it.'],
    [
      dead,
      'The userinfo endpoint rejects the token too, so it was also revoked or replaced, or its user is locked or gone.',
    ],
  ])('of a JWT for another audience, after a response of userinfo', async (response, confirmation) => {
    server.at(userinfo, response);
    expect(await explain(await key.sign({ aud: 'x' }), { checkUserinfo: true })).toEqual({
      cause: 'audience_mismatch',
      message: `Its audience ["x"] lacks this API's client id "api" and its project id "P1". ${confirmation}`,
      advice: `Request it with ${scope} ${login}`,
    });
  });

  const ofZitadel =
    'It is opaque, in the form of the access tokens and personal access tokens that ZITADEL creates (JWE), so nothing can be read from it.';
  const ofOthers =
    'It is neither a JWT nor an encrypted token (JWE) like the opaque ones of current ZITADEL versions. So it may be a refresh token, an access token of an older version or of another server, or damaged.';
  const gone = 'it is unknown (from another instance, perhaps), expired, revoked or superseded by a refresh';
  const unsure = `ZITADEL says inactive when ${gone}, and when its audience lacks this API.`;
  const request = `If it is the token of a service user, request it with ${scope}`;
  const header = (alg: string, enc: string) => withPart(jwe, 0, { alg, enc });
  it.each([
    ['a JWE of ZITADEL', jwe, undefined, ofZitadel, unsure, request],
    ['a JWE with another alg', header('dir', 'A256GCM'), undefined, ofOthers, unsure, request],
    ['a JWE with another enc', header('A256GCMKW', 'A128GCM'), undefined, ofOthers, unsure, request],
    ['a text', 'abc', undefined, ofOthers, unsure, request],
    [
      'a JWE that userinfo rejects',
      jwe,
      dead,
      ofZitadel,
      `The userinfo endpoint rejects it too, so ${gone}.`,
      `Get a new token. ${request}`,
    ],
    ['a JWE that userinfo does not judge', jwe, respond({ status: 403 }), ofZitadel, unsure, request],
  ])('of %s', async (_, token, response, form, rest, advice) => {
    if (response !== undefined) server.at(userinfo, response);
    expect(await explain(token, { checkUserinfo: response !== undefined })).toEqual({
      cause: 'opaque',
      message: `${form} ${rest}`,
      advice,
    });
  });

  it('of an opaque token that userinfo accepts', async () => {
    server.at(userinfo, json({}));
    expect(await explain(jwe, { checkUserinfo: true })).toEqual({
      cause: 'audience_mismatch',
      message:
        'It is a live token of this server: the userinfo endpoint accepts it. So its audience lacks this API, and cannot be read here because the token is opaque.',
      advice: `${request} ${login}`,
    });
    expect(server.requests[0]?.field('accept')).toEqual(['application/json']);
  });

  it('of a JWE that is not whole', async () => {
    expect(await explain(`${jwe}.x`)).toEqual({
      cause: 'malformed',
      message: 'It begins like an encrypted token (JWE), and is not whole: it was cut off or changed.',
      advice: 'Look at where it was cut off.',
    });
  });

  it('of tokens of a server that is not ZITADEL', async () => {
    const good = await key.sign();
    const readsGood =
      'It reads as good, so only this server knows the cause: the token may be revoked, or its session or user may be gone.';
    const advice = 'Get a new token. If that is inactive too, read the log of the server.';
    expect(await explain(good, { isZitadel: false })).toEqual({ cause: 'unknown', message: readsGood, advice });
    expect(await explain(await key.sign({ aud: undefined }), { isZitadel: false })).toEqual({
      cause: 'unknown',
      message: `${readsGood} Its audience [] lacks this API's client id "api": some servers then say inactive, others do not check it.`,
      advice,
    });
    expect(await explain('abc', { isZitadel: false })).toEqual({
      cause: 'opaque',
      message: 'It is not a JWT, so nothing can be read from it: only this server knows why it is inactive.',
      advice:
        'Check that it is an access token of this server, and get a new one. If that is inactive too, check that this client may introspect it.',
    });
    expect(await explain(withPart(good, 0, { alg: 'none' }), { isZitadel: false })).toEqual({
      cause: 'bad_signature',
      message: 'It is not signed.',
      advice: 'Look at where it comes from: anybody can write such a token.',
    });
    for (const [alg, unchecked] of [
      ['HS512', 'it is signed with a secret that only the server has'],
      ['XHS512', 'its algorithm cannot be verified here'],
      ['HS512X', 'its algorithm cannot be verified here'],
    ]) {
      expect(await explain(withPart(good, 0, { alg }), { isZitadel: false })).toEqual({
        cause: 'unknown',
        message: `${readsGood} Its signature was not checked: ${unchecked}.`,
        advice,
      });
    }
  });
});

describe('a value of a token in a message', () => {
  it('is cut after 200 characters', () => {
    expect(quoted('x'.repeat(198))).toBe(`"${'x'.repeat(198)}"`);
    expect(quoted('x'.repeat(199))).toBe(`"${'x'.repeat(199)}…`);
  });

  it('has a replacement character for each control and format character', () => {
    expect(quoted(['a\u0085b\u200ec\u2028d'])).toBe('["a\ufffdb\ufffdc\ufffdd"]');
  });

  it.each([
    [0, 'in 0 sec'],
    [59, 'in 59 sec'],
    [60, 'in 1 min'],
    [-3599, '59 min ago'],
    [3600, 'in 1 hr'],
    [-86_399, '23 hr ago'],
    [-86_400, '1 day ago'],
    [8.64e12, 'in 100,000,000 days'],
    [8.64e12 + 1, 'far in the future'],
    [-8.64e12 - 1, 'long ago'],
  ])('is a relative time: %d s is %j', (seconds, text) => {
    expect(relativeTime(seconds)).toBe(text);
  });

  it('is a date, or a number of seconds beyond the range of a date', () => {
    expect([dateOf(0), dateOf(8.64e12 + 1)]).toEqual(['1970-01-01T00:00:00.000Z', '8640000000001 s']);
  });
});
