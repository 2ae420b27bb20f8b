import { describe, expect, it } from 'vitest';
import { jwtPrefilter } from '../src/extensions/jwt/jwt-prefilter.js';
import { privateKeyJwt } from '../src/extensions/private-key-jwt/private-key-jwt.js';
import {
  Authorizer,
  type AuthorizerOptions,
  bearerAuthentication,
  clientSecretBasic,
  IntrospectionClient,
  type IntrospectionClientOptions,
} from '../src/index.js';

const required = { issuer: 'https://as.example.com', clientId: 'c', clientSecret: 's' };
const unset = 'is an environment variable unset?';
const undefinedOption = `is undefined: leave it out, or give a value; ${unset}`;
const empty = `must not be empty: leave it out, or give a value; ${unset}`;
const emptyEntry = `must not have an empty entry: ${unset}`;
const whole = (unit: string, max: number) => `must be a whole number of ${unit}, at least 1 and at most ${max}`;
const notAbsolute = 'must be an absolute URL, such as "https://example.com"';
const maxTimerMs = 2_147_483_647;

describe('IntrospectionClient: the message for an invalid option', () => {
  const plain = 'must be a plain object of strings';
  const reservedParameters =
    'must not name token, token_type_hint, client_id, client_secret, client_assertion, client_assertion_type: the client sets these itself';
  const reservedHeaders =
    'must not name authorization, content-type, content-length, accept, host: the client sets these itself';
  const fieldNames = 'must have field names of letters, digits and hyphens';
  const fieldValues = 'must have values of one line in Latin-1, without control characters';
  const surrogates = 'must not have lone surrogates: they cannot be sent';
  const credentials: [string, unknown, string][] = ['issuer', 'clientId', 'clientSecret'].flatMap((name) => [
    [name, undefined, `is undefined: ${unset}`],
    [name, '', `must not be empty: ${unset}`],
    [name, 'undefined', `must not be the string "undefined": ${unset}`],
    [name, 5, name === 'clientSecret' ? 'must be a string or a function' : 'must be a string'],
  ]);

  it.each<[string, unknown, string]>([
    ...credentials,
    ['metadataUrl', 5, 'must be a string'],
    ['metadataUrl', '', 'must not be empty'],
    ['introspectionEndpoint', 5, 'must be a string'],
    ['introspectionEndpoint', '', 'must not be empty'],
    ['clientAuthentication', undefined, undefinedOption],
    ...[null, {}, { clientId: 5, apply() {} }, { clientId: 'c', apply: 'x' }].map((each): [string, unknown, string] => [
      'clientAuthentication',
      each,
      'must have a "clientId" and a function "apply", such as clientSecretPost({…}) returns',
    ]),
    ['tokenTypeHint', 5, 'must be a string, or null for none'],
    ['tokenTypeHint', '', 'must not be empty; null sends none'],
    ['tokenTypeHint', '\ud800', surrogates],
    ['parameters', 5, plain],
    ['parameters', null, plain],
    ['parameters', new URLSearchParams(), plain],
    ['parameters', { a: 5 }, 'must have strings as values'],
    ...['token', 'token_type_hint', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type'].map(
      (name): [string, unknown, string] => ['parameters', { a: 'b', [name]: 'c' }, reservedParameters],
    ),
    ['parameters', { a: '\ud800' }, surrogates],
    ['parameters', { '\udfff': 'a' }, surrogates],
    ['headers', 'a', plain],
    ['headers', new Headers(), plain],
    ['headers', { a: 5 }, 'must have strings as values'],
    ...['', 'a b', 'a:b', 'ä', 'a ', ' a'].map((name): [string, unknown, string] => [
      'headers',
      { [name]: 'c' },
      fieldNames,
    ]),
    ...['a\nb', 'a\r', '\u0000', '\u007f', '\u0100'].map((value): [string, unknown, string] => [
      'headers',
      { a: value },
      fieldValues,
    ]),
    ...['authorization', 'Content-Type', 'content-length', 'ACCEPT', 'host'].map((name): [string, unknown, string] => [
      'headers',
      { [name]: 'c' },
      reservedHeaders,
    ]),
    ['headers', { a: '1', A: '2' }, 'must not name a field twice, in different case'],
    ['timeoutMs', 0, whole('milliseconds', maxTimerMs)],
    ['timeoutMs', maxTimerMs + 1, whole('milliseconds', maxTimerMs)],
    ['maxResponseBytes', 0, whole('bytes', Number.MAX_SAFE_INTEGER)],
    ['transport', {}, 'must be a function'],
    ['allowInsecureHttp', 'yes', 'must be true or false'],
    ['now', 5, 'must be a function'],
    ['monotonicNow', 5, 'must be a function'],
    ['retry', 5, 'must be an object'],
    ['circuitBreaker', true, 'must be an object'],
    ['limits', null, 'must be an object'],
    ['log', true, 'must be a function, or false'],
    ['onEvent', 'x', 'must be a function'],
  ])('"%s" of %j', (name, value, problem) => {
    const options = { ...required, [name]: value } as IntrospectionClientOptions;
    expect(() => new IntrospectionClient(options)).toThrow(new TypeError(`IntrospectionClient: "${name}" ${problem}`));
  });

  it.each([
    ['a list', []],
    ['a list with members', Object.assign([], required)],
    ['null', null],
    ['undefined', undefined],
    ['a string', 'https://as.example.com'],
  ])('%s in place of the options', (_, options) => {
    expect(() => new IntrospectionClient(options as never)).toThrow(
      new TypeError('IntrospectionClient: the options must be an object'),
    );
  });

  it.each<[string, object]>([
    ['header names of all characters that RFC 9110 allows', { headers: { "!#$%&'*+.^_`|~0aZ-": 'a' } }],
    ['header values with tabs and Latin-1', { headers: { a: '\t ~\u0080\u00ff', b: '' } }],
    ['parameters without a prototype', { parameters: Object.assign(Object.create(null), { a: 'b' }) }],
    ['the largest time limit', { timeoutMs: maxTimerMs }],
    ['the shortest time limit and body', { timeoutMs: 1, maxResponseBytes: 1, retry: { attempts: 10 } }],
    ['no token type hint', { tokenTypeHint: null }],
    ['undefined for an option that narrows nothing', { timeoutMs: undefined, headers: undefined, log: undefined }],
  ])('there is none for %s', (_, options) => {
    expect(() => new IntrospectionClient({ ...required, ...options })).not.toThrow();
  });
});

describe('Authorizer: the message for an invalid option', () => {
  const lists: [string, unknown, string][] = ['issuerAliases', 'tokenTypes', 'roles'].flatMap((name) => [
    [name, undefined, undefinedOption],
    [name, 'a', 'must be a list of strings'],
    [name, [], empty],
    [name, ['a', ''], emptyEntry],
  ]);
  const length = 'must be a whole number of characters, at least 1';
  const seconds = (name: string) => `must be a number of seconds, at least 0 and at most ${name}`;
  const store = { get() {}, set() {}, delete() {} };

  it.each<[string, unknown, string]>([
    ['client', {}, 'must be an IntrospectionClient'],
    ['audience', undefined, undefinedOption],
    ['audience', 5, 'must be a string, or a list of strings'],
    ['audience', '', empty],
    ['audience', [], empty],
    ['audience', ['a', ''], emptyEntry],
    ...lists,
    ['claims', undefined, undefinedOption],
    ['claims', 'x', 'must be a Standard Schema or a function'],
    ['claims', null, 'must be a Standard Schema or a function'],
    ['claims', { '~standard': { validate: 'x' } }, 'must be a Standard Schema or a function'],
    ['scopes', undefined, undefinedOption],
    ['realm', 5, 'must be a string'],
    ['realm', '', 'must not be empty'],
    ['realm', 'a\n', 'must be of printable ASCII characters'],
    ['realm', 'a'.repeat(2049), 'must be no longer than 2048 characters altogether'],
    ['resource', 5, 'must be a string'],
    ['resource', 'x', notAbsolute],
    ['resource', 'http://a.example', 'must be https, except on loopback (RFC 9728 §1.2)'],
    ['resourceMetadata', 5, 'must be a string'],
    ['resourceMetadata', 'x', notAbsolute],
    ['resourceMetadata', 'https://a.example/"', 'must be percent-encoded'],
    ['clockSkewSeconds', '5', 'must be a number of seconds'],
    ['clockSkewSeconds', Number.POSITIVE_INFINITY, 'must be finite'],
    ['clockSkewSeconds', -0.1, 'must not be negative'],
    ['maxTokenLength', '5', length],
    ['maxTokenLength', 0, length],
    ['maxTokenLength', 1.5, length],
    ['rolesOf', 5, 'must be a function'],
    ['policyProblem', 5, 'must be a function'],
    ['prefilter', undefined, undefinedOption],
    ['prefilter', 5, 'must be a function'],
    ['explainInactive', 5, 'must be a function'],
    ['errorBody', 5, 'must be a function'],
    ['passPreflight', 'yes', 'must be true or false'],
  ])('"%s" of %j', (name, value, problem) => {
    const options = { ...required, [name]: value } as AuthorizerOptions;
    expect(() => new Authorizer(options)).toThrow(new TypeError(`Authorizer: "${name}" ${problem}`));
  });

  const bytes = 'must be a whole number of characters, at least 1';
  const entries = (min: number) => `must be a whole number of entries, at least ${min} and at most 16777216`;
  it.each<[string, object, string]>([
    ['maxAgeSeconds', {}, 'is missing'],
    ['maxAgeSeconds', { maxAgeSeconds: undefined }, seconds('2147483')],
    ['inactiveMaxAgeSeconds', { inactiveMaxAgeSeconds: -1 }, seconds('2147483')],
    ['refreshAfterSeconds', { refreshAfterSeconds: true }, seconds('2147483')],
    [
      'refreshAfterSeconds',
      { refreshAfterSeconds: 60 },
      'must be less than "maxAgeSeconds"; false turns refreshes off',
    ],
    [
      'maxAgeIfErrorSeconds',
      { maxAgeIfErrorSeconds: 59 },
      'must be at least "maxAgeSeconds", because it is the total age that a response may have',
    ],
    ['maxEntries', { maxEntries: 0 }, entries(1)],
    ['frontEntries', { frontEntries: -1 }, entries(0)],
    ['frontEntries', { frontEntries: 2 ** 24 + 1 }, entries(0)],
    ['maxBytes', { maxBytes: 0 }, bytes],
    ['maxBytes', { maxBytes: 1.5 }, bytes],
    ['maxBytes', { maxBytes: '1' }, bytes],
    ['maxBytes', { maxBytes: 2 ** 53 }, bytes],
    ...[{ ...store, close: true }, { ...store, lease: 5 }, { ...store, get: 5 }, null].map(
      (each): [string, object, string] => [
        'store',
        { store: each },
        'must have functions "get", "set" and "delete", and may have functions "getMany", "onInvalidate", "lease" and "close"',
      ],
    ),
    ['store', { store, maxAgeSeconds: 86_401 }, 'allows "maxAgeSeconds" and "maxAgeIfErrorSeconds" of at most 86400'],
    [
      'storeSecret',
      { store, storeSecret: 'x' },
      'must be a secret of at least 32 characters, or a list of the current secret and the previous one',
    ],
    ['localMaxAgeSeconds', { store, localMaxAgeSeconds: 2_147_484 }, seconds('2147483')],
  ])('"cache.%s" of %j', (name, cache, problem) => {
    const given = name === 'maxAgeSeconds' ? cache : { maxAgeSeconds: 60, ...cache };
    const construct = () => new Authorizer({ ...required, cache: given as never });
    expect(construct).toThrow(new TypeError(`Authorizer: "cache.${name}" ${problem}`));
  });

  it('an option of the client, beside a client', () => {
    const client = new IntrospectionClient(required);
    expect(() => new Authorizer({ client, timeoutMs: 5 } as never)).toThrow(
      new TypeError('Authorizer: "timeoutMs" cannot be combined with "client": set it where the client is made'),
    );
  });

  it.each<[string, object]>([
    ['a Standard Schema that is a function', { claims: Object.assign(() => {}, { '~standard': {} }) }],
    ['a Standard Schema', { claims: { '~standard': { version: 1, vendor: 'x', validate: () => ({ value: {} }) } } }],
    ['the longest realm', { realm: `${'a'.repeat(2047)}~` }],
    ['the least numbers', { clockSkewSeconds: 0, maxTokenLength: 1 }],
    [
      'the largest cache',
      { cache: { maxAgeSeconds: 1, maxEntries: 2 ** 24, frontEntries: 2 ** 24, maxBytes: 2 ** 53 - 1 } },
    ],
    ['a store with all functions', { cache: { maxAgeSeconds: 86_400, store: { ...store, lease() {}, close() {} } } }],
  ])('there is none for %s', (_, options) => {
    expect(() => new Authorizer({ ...required, log: false, ...options } as never)).not.toThrow();
  });
});

describe('Policy: the message for an invalid member', () => {
  const guard = (policy: object) => () => new Authorizer({ ...required, rolesOf: () => [] }).guard(policy);
  const ascii = 'must be of printable ASCII characters, without spaces, double quotes and backslashes';
  const list = 'must be a list with one value for each entry';
  const tooLong = 'must be no longer than 2048 characters altogether';
  const lists: [string, unknown, string][] = ['scopes', 'anyScope', 'roles', 'anyRole', 'acrValues'].flatMap((name) => [
    [name, undefined, undefinedOption],
    [name, 'a', 'must be a list of strings'],
    [name, [], empty],
    [name, ['a', ''], emptyEntry],
  ]);
  const words: [string, unknown, string][] = ['scopes', 'anyScope', 'acrValues'].flatMap((name) => [
    [name, ['a b'], list],
    [name, ['ä'], ascii],
    [name, ['a', '"'], ascii],
    [name, ['a', '\\'], ascii],
    [name, ['a'.repeat(1024), 'b'.repeat(1024)], tooLong],
  ]);

  it.each<[string, unknown, string]>([
    ...lists,
    ...words,
    ['anyOf', undefined, undefinedOption],
    ['anyOf', 'a', 'must be a list of policies'],
    ['anyOf', [], 'must not be empty: leave it out, or list at least one policy'],
    ['anyOf[0]', [{}], 'must not be empty: an empty policy accepts every valid token, so "anyOf" has no effect'],
    ['maxAuthenticationAgeSeconds', undefined, undefinedOption],
    ['maxAuthenticationAgeSeconds', '5', 'must be a whole number of seconds'],
    ['maxAuthenticationAgeSeconds', 1.5, 'must be a whole number of seconds'],
    ['maxAuthenticationAgeSeconds', -1, 'must not be negative'],
    ['maxResponseAgeSeconds', undefined, undefinedOption],
    ['maxResponseAgeSeconds', '5', 'must be a number of seconds'],
    ['maxResponseAgeSeconds', Number.POSITIVE_INFINITY, 'must be finite'],
    ['maxResponseAgeSeconds', -0.1, 'must not be negative'],
    ['check', undefined, undefinedOption],
    ['check', true, 'must be a function'],
    ['optional', undefined, undefinedOption],
    ['optional', 'yes', 'must be true or false'],
  ])('"%s" of %j', (name, value, problem) => {
    expect(guard({ [name.replace('[0]', '')]: value })).toThrow(new TypeError(`Policy: "${name}" ${problem}`));
  });

  it.each([[null], [5]])('an anyOf with %j', (branch) => {
    expect(guard({ anyOf: [{ scopes: ['a'] }, branch] })).toThrow(new TypeError('Policy: "anyOf.1" must be a policy'));
  });

  it('there is none for the longest list of scopes', () => {
    expect(guard({ scopes: ['a'.repeat(1024), 'b'.repeat(1023)] })).not.toThrow();
  });
});

describe('jwtPrefilter: the message for an invalid option', () => {
  const asymmetric =
    'must be asymmetric: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519';
  it.each<[string, object, string]>([
    ['algorithms', { algorithms: 'RS256' }, 'must be a list of algorithms'],
    ['algorithms', { algorithms: [] }, 'must name at least one algorithm'],
    ['algorithms.1', { algorithms: ['RS256', 'HS256'] }, asymmetric],
    ['cooldownSeconds', { cooldownSeconds: '5' }, 'must be a number of seconds'],
    ['cooldownSeconds', { cooldownSeconds: Number.POSITIVE_INFINITY }, 'must be finite'],
    [
      'cooldownSeconds',
      { cooldownSeconds: 0 },
      'must be more than 0: otherwise every token with a made-up key id would cause a fetch of the keys',
    ],
  ])('"%s" of %j', (name, options, problem) => {
    expect(() => jwtPrefilter(options as never)).toThrow(new TypeError(`jwtPrefilter: "${name}" ${problem}`));
  });
});

describe('privateKeyJwt: the message for an invalid option', () => {
  const signer = { clientId: 'c', keyId: 'k', algorithm: 'RS256', sign: async () => new Uint8Array() };
  const credential = 'must be a string that is not empty, and not "undefined": is an environment variable unset?';
  const seconds = 'must be a number of seconds, at least 0 and at most 3000';
  it.each<[string, unknown, string]>([
    ['clientId', '', credential],
    ['clientId', 'undefined', credential],
    ['algorithm', 'HS256', 'must be one of RS256, PS256, ES256, EdDSA'],
    ['sign', 'x', 'must be a function'],
    ['reuseSeconds', -1, seconds],
    ['reuseSeconds', 3001, seconds],
    ['reuseSeconds', Number.NaN, seconds],
    ['now', 5, 'must be a function'],
    ['monotonicNow', 5, 'must be a function'],
  ])('"%s" of %j', (name, value, problem) => {
    expect(() => privateKeyJwt({ ...signer, [name]: value } as never)).toThrow(
      new TypeError(`privateKeyJwt: "${name}" ${problem}`),
    );
  });

  it.each([{ reuseSeconds: 0 }, { reuseSeconds: 3000 }])('there is none for %j', (options) => {
    expect(() => privateKeyJwt({ ...signer, ...options } as never)).not.toThrow();
  });
});

describe('bearerAuthentication and clientSecretBasic: the message for an invalid option', () => {
  const noBearer = 'must be a bearer token (RFC 6750 §2.1), without the word "Bearer" and without white space';
  it.each<[unknown, string]>([
    [5, 'must be a string, or a function that returns one'],
    ['Bearer t', noBearer],
    ['t\n', noBearer],
    [' t', noBearer],
    ['t=t', noBearer],
  ])('"token" of %j', (token, problem) => {
    expect(() => bearerAuthentication({ clientId: 'c', token: token as string })).toThrow(
      new TypeError(`bearerAuthentication: "token" ${problem}`),
    );
  });

  it('"encoding", and a client id that it cannot encode', () => {
    const basic = (options: object) => () => clientSecretBasic({ clientId: 'c', clientSecret: 's', ...options });
    expect(basic({ encoding: 'none' })).toThrow(new TypeError('clientSecretBasic: "encoding" must be "form" or "raw"'));
    expect(basic({ encoding: 'raw', clientId: 'a:b' })).toThrow(
      new TypeError('clientSecretBasic: "clientId" must not have a colon with "encoding": "raw" (RFC 7617 §2)'),
    );
    expect(basic({ encoding: 'form', clientId: 'a:b' })).not.toThrow();
  });
});
