import { json, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExplainInactiveOptions, explainInactive } from '../src/zitadel-explain.js';
import { Clocks } from './caching.js';
import { type IssuerKey, issuerKey, keyFetches, publish } from './issuer.js';

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

describe('a JWT', () => {
  it.each([
    [-180, 'It expired 3 min ago (2025-06-15T15:03:40.000Z).'],
    [-1, 'It expired 1 sec ago'],
    [-7200, 'It expired 2 hr ago'],
    [-200_000, 'It expired 2 days ago'],
    [0, 'It expired 0 sec'],
  ])('that expired %i s from now', async (seconds, message) => {
    const explanation = await explain(await key.sign({ exp: clocks.in(seconds) }));
    expect(explanation).toMatchObject({ cause: 'expired', message: expect.stringContaining(message) });
  });

  it('that is not valid yet', async () => {
    const explanation = await explain(await key.sign({ nbf: clocks.in(240) }));
    expect(explanation).toMatchObject({ cause: 'not_yet_valid', message: expect.stringContaining('in 4 min (') });
  });

  it('with times beyond what a date can hold', async () => {
    const explanation = await explain(await key.sign({ nbf: 1e300 }));
    expect(explanation).toMatchObject({ cause: 'not_yet_valid', message: expect.stringContaining('(1e+300 s)') });
  });

  it('of another issuer, whose keys are then of no use', async () => {
    const explanation = await explain(await key.sign({ iss: 'https://other.example' }));
    expect(explanation).toEqual({
      cause: 'issuer_mismatch',
      message: `It was issued by "https://other.example", and this API asks "${server.origin}".`,
      advice: 'Get a token from that issuer, or configure the one that issued it.',
    });
    expect(server.requests).toEqual([]);
  });

  it('whose claims are long or have line breaks is told in one short line', async () => {
    const { message } = await explain(await key.sign({ iss: `https://x\n${'y'.repeat(5000)}` }));
    expect(message).not.toContain('\n');
    expect(message.length).toBeLessThan(400);
  });

  it('meant for others, with the scope that makes it ours', async () => {
    const explanation = await explain(await key.sign({ aud: ['other'] }));
    expect(explanation).toMatchObject({
      cause: 'audience_mismatch',
      message: 'Its audience ["other"] lacks this API\'s client id "api" and its project id "P1".',
      advice: expect.stringContaining('urn:zitadel:iam:org:project:id:P1:aud'),
    });
  });

  it.each([
    ['no audience', undefined],
    ['an audience that holds ours as a part of a word', 'an-api-P1'],
  ])('with %s', async (_, aud) => {
    expect(await explain(await key.sign({ aud }))).toMatchObject({ cause: 'audience_mismatch' });
  });

  it.each([['api'], ['P1'], [['other', 'P1']]])(
    'whose audience is %j is not told to be meant for others',
    async (aud) => {
      expect(await explain(await key.sign({ aud }))).toMatchObject({ cause: 'revoked' });
    },
  );

  it('whose project is not known here says that it might be the audience', async () => {
    const explanation = await explain(await key.sign({ aud: ['P1'] }), { projectId: undefined });
    expect(explanation).toMatchObject({
      cause: 'audience_mismatch',
      message: expect.stringContaining('"projectId"'),
      advice: expect.stringContaining('urn:zitadel:iam:org:project:id:<project id>:aud'),
    });
  });

  it('signed by another key under a known kid', async () => {
    const stranger = await issuerKey('key-1', { iss: server.origin });
    expect(await explain(await stranger.sign())).toMatchObject({ cause: 'bad_signature' });
  });

  it('signed by a key that the issuer does not publish', async () => {
    const stranger = await issuerKey('key-0', { iss: server.origin });
    expect(await explain(await stranger.sign())).toMatchObject({ cause: 'unknown_key' });
  });

  it.each([
    ['an ID token', { nonce: 'n' }],
    ['an ID token', { at_hash: 'h' }],
    ['a logout token', { events: {} }],
  ])('that is %s', async (kind, claims) => {
    expect(await explain(await key.sign(claims))).toMatchObject({
      cause: 'not_an_access_token',
      message: `It is ${kind}.`,
    });
  });

  it('that reads as good was revoked, or superseded, or its user is gone', async () => {
    const { cause, message } = await explain(await key.sign());
    expect(cause).toBe('revoked');
    expect(message).toMatch(/revoked.*superseded by a refresh.*user is/);
    expect(message).not.toContain('signature');
  });

  it('is verified by keys that are fetched once for many tokens', async () => {
    for (let i = 0; i < 5; i++) await explain(await key.sign({ jti: String(i) }));
    expect(keyFetches(server)).toBe(1);
  });

  it('is verified by keys that are asked for with the headers', async () => {
    await explain(await key.sign(), { headers: { 'x-zitadel-instance-host': 'acme.example' } });
    expect(server.requests).toHaveLength(2);
    for (const request of server.requests) expect(request.field('x-zitadel-instance-host')).toEqual(['acme.example']);
  });

  it.each([
    ['no discovery document', () => server.at('/.well-known/openid-configuration', respond({ status: 404 }))],
    ['a discovery document without keys', () => server.at('/.well-known/openid-configuration', json({}))],
    ['a broken server', () => server.at('/oauth/v2/keys', respond({ status: 500 }))],
    ['no server', () => server.close()],
  ])(
    'that cannot be verified, for there is %s, is explained by its claims, and the message says so',
    async (_, breakIt) => {
      await breakIt();
      const explanation = await explain(await key.sign({ exp: clocks.in(-1) }));
      expect(explanation.cause).toBe('expired');
      expect(explanation.message).toMatch(/Its signature was not checked: the issuer's keys could not be had\.$/);
    },
  );
});

describe('what is no JWT', () => {
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
  ])('%j: its shape says what was done to it', async (token, message) => {
    expect(await explain(token)).toMatchObject({ cause: 'malformed', message: expect.stringContaining(message) });
  });

  it.each(['VjJfMzEwMDAwMDAwMDAwMDAwMDAxLWF0', 'a.b.c', 'a.b.c.d.e'])('%s: its shape says no more', async (token) => {
    const explanation = await explain(token);
    expect(explanation).toMatchObject({
      cause: 'opaque',
      advice: expect.stringContaining('urn:zitadel:iam:org:project:id:P1:aud'),
    });
    expect(server.requests).toEqual([]);
  });
});

describe('an explanation', () => {
  it('never holds the token', async () => {
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
  ])('wants its options (%j)', async (options, name) => {
    await expect(explainInactive('abc', options as never)).rejects.toThrow(
      `explainInactive: "${name}" must be a string`,
    );
  });

  it('wants a token that is a text', async () => {
    await expect(explain(undefined as never)).rejects.toThrow('explainInactive: the token must be a string');
  });
});
