import { describe, expect, it } from 'vitest';
import { jwtPrefilter } from '../src/extensions/jwt/jwt-prefilter.js';
import { privateKeyJwt } from '../src/extensions/private-key-jwt/private-key-jwt.js';
import { undiciTransport } from '../src/extensions/undici/undici.js';
import {
  Authorizer,
  type AuthorizerOptions,
  clientSecretBasic,
  clientSecretPost,
  IntrospectionClient,
  type IntrospectionClientOptions,
  type Transport,
} from '../src/index.js';

const transport: Transport = async () => ({
  status: 200,
  header: () => 'application/json',
  body: '{"active":true,"aud":"another-api"}',
});
const server = { introspectionEndpoint: 'https://as.example.com/introspect', transport };
const api = { ...server, clientId: 'c', clientSecret: 's' };
const authorizer = (options: object) => () => new Authorizer(options as AuthorizerOptions);
const client = (options: object) => () => new IntrospectionClient(options as IntrospectionClientOptions);
const guard = (policy: object) => () => new Authorizer(api).guard(policy);
/** Returns an object with the members `own`, which inherits `name` from its prototype. */
const inheriting = (own: object, name: string, value: unknown) => Object.assign(Object.create({ [name]: value }), own);

class WithGetter {
  readonly introspectionEndpoint = server.introspectionEndpoint;
  readonly transport = transport;
  readonly clientId = 'c';
  readonly clientSecret = 's';
  get audience() {
    return 'my-api';
  }
}

class OfOwnFields {
  readonly introspectionEndpoint = server.introspectionEndpoint;
  readonly transport = transport;
  readonly clientId = 'c';
  readonly clientSecret = 's';
  readonly audience = 'my-api';
  readonly limits = Object.freeze({ perSecond: 5 });
  describe() {
    return this.audience;
  }
}

class PolicyWithGetter {
  get scopes() {
    return ['items:read'];
  }
}

describe('an option that is inherited', () => {
  it.each<[string, () => unknown, string]>([
    ['a getter of a class', authorizer(new WithGetter()), 'Authorizer: "audience" is inherited'],
    ['a default by Object.create', authorizer(inheriting(api, 'tokenTypes', ['Bearer'])), 'Authorizer: "tokenTypes"'],
    ['an option of the client', authorizer(inheriting(server, 'clientId', 'c')), 'Authorizer: "clientId" is inherited'],
    [
      'an option of the client, beside a client',
      authorizer(inheriting({ client: new IntrospectionClient(api) }, 'issuer', 'https://a.example')),
      'Authorizer: "issuer" is inherited',
    ],
    ['an option of a client', client(inheriting(api, 'issuer', 'https://a.example')), 'IntrospectionClient: "issuer"'],
    ['of the retries', client({ ...api, retry: inheriting({}, 'attempts', 5) }), '"retry.attempts" is inherited'],
    ['of the limits', client({ ...api, limits: inheriting({}, 'perSecond', 5) }), '"limits.perSecond" is inherited'],
    [
      'of the breaker',
      client({ ...api, circuitBreaker: inheriting({}, 'openMs', 5) }),
      '"circuitBreaker.openMs" is inherited',
    ],
    [
      'of the cache',
      authorizer({ ...api, cache: inheriting({ maxAgeSeconds: 60 }, 'inactiveMaxAgeSeconds', 0) }),
      '"cache.inactiveMaxAgeSeconds" is inherited',
    ],
    ['an unknown option', client(inheriting(api, 'timeout', 5)), 'IntrospectionClient: "timeout" is inherited'],
    ['an unknown member of a policy', guard(inheriting({}, 'scope', 'a')), 'Policy: "scope" is inherited'],
    ['a member of a policy', guard(new PolicyWithGetter()), 'Policy: "scopes" is inherited'],
    [
      'a secret for Basic',
      () => clientSecretBasic(inheriting({ clientId: 'c' }, 'clientSecret', 's')),
      'clientSecretBasic: "clientSecret" is inherited',
    ],
    [
      'a secret for the form',
      () => clientSecretPost(inheriting({ clientId: 'c' }, 'clientSecret', 's')),
      'clientSecretPost: "clientSecret" is inherited',
    ],
    ['a key file', () => privateKeyJwt(inheriting({}, 'keyJson', '{}')), 'privateKeyJwt: "keyJson" is inherited'],
    [
      'an algorithm of the prefilter',
      () => jwtPrefilter(inheriting({}, 'algorithms', ['RS256'])),
      'jwtPrefilter: "algorithms" is inherited',
    ],
    [
      'a dispatcher',
      () => undiciTransport(inheriting({}, 'dispatcher', {})),
      'undiciTransport: "dispatcher" is inherited',
    ],
  ])('is a TypeError that names it: %s', (_, construct, message) => {
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow(message);
  });
});

describe('an options object', () => {
  it.each<[string, () => object]>([
    ['an instance of a class with fields of its own, and a method', () => new OfOwnFields()],
    [
      'an object that inherits an enumerable method',
      () => Object.assign(Object.create({ describe() {} }), api, { audience: 'my-api' }),
    ],
    ['a frozen object', () => Object.freeze({ ...api, audience: 'my-api' })],
    ['an object without prototype', () => Object.assign(Object.create(null), api, { audience: 'my-api' })],
    [
      'an object whose property is not enumerable',
      () => Object.defineProperty({ ...api }, 'audience', { value: 'my-api', enumerable: false }),
    ],
    [
      'an object with a getter of its own',
      () => ({
        ...api,
        get audience() {
          return 'my-api';
        },
      }),
    ],
  ])('may be %s, and its audience applies', async (_, options) => {
    const authorizer = new Authorizer(options() as AuthorizerOptions);
    await expect(authorizer.authorize('Bearer t')).rejects.toMatchObject({ reason: 'audience_mismatch' });
  });

  it('takes no option from a polluted Object.prototype, and does not fail because of it', () => {
    Object.defineProperty(Object.prototype, 'audience', { value: '', configurable: true });
    try {
      expect(authorizer({ ...api })).not.toThrow();
    } finally {
      Reflect.deleteProperty(Object.prototype, 'audience');
    }
  });
});

describe('an option that narrows access', () => {
  const unset = 'leave it out, or give a value; is an environment variable unset?';

  it.each([
    ['audience', undefined, `is undefined: ${unset}`],
    ['audience', '', `must not be empty: ${unset}`],
    ['audience', [], `must not be empty: ${unset}`],
    ['audience', [''], 'must not have an empty entry: is an environment variable unset?'],
    ['tokenTypes', undefined, `is undefined: ${unset}`],
    ['tokenTypes', [], `must not be empty: ${unset}`],
    ['tokenTypes', ['Bearer', ''], 'must not have an empty entry: is an environment variable unset?'],
    ['tokenTypes', 'Bearer', 'must be a list of strings'],
    ['prefilter', undefined, `is undefined: ${unset}`],
  ])('is a TypeError that mentions an unset variable: %s of %j', (name, value, problem) => {
    const construct = authorizer({ ...api, [name]: value });
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow(`Authorizer: "${name}" ${problem}`);
  });
});

describe('an unknown option', () => {
  it.each([
    ['clientID', 'clientId'], // another case
    ['Issuer', 'issuer'],
    ['isuer', 'issuer'], // one missing
    ['timeouttMs', 'timeoutMs'], // one too many
    ['retri', 'retry'], // another letter
    ['ehaders', 'headers'], // two swapped
    ['timeout', 'timeoutMs'], // two missing
    ['cleintSecert', 'clientSecret'], // two swapped, twice
    ['secret', 'clientSecret'], // its end
    ['Endpoint', 'introspectionEndpoint'], // its end, in another case
    ['maxResponse', 'maxResponseBytes'], // its beginning
  ])('"%s" → the error suggests "%s"', (name, suggestion) => {
    const message = new RegExp(
      `^IntrospectionClient: unknown option "${name}"; known options: issuer, .*; did you mean "${suggestion}"\\?$`,
    );
    expect(client({ ...api, [name]: 'canary' })).toThrow(message);
  });

  it.each(['foo', 'no', '', 'url', 'retries', 'clientSecretFile'])('"%s", like no other → no suggestion', (name) => {
    const message = new RegExp(`^IntrospectionClient: unknown option "${name}"; known options: issuer, .*, onEvent$`);
    expect(client({ ...api, [name]: 'canary' })).toThrow(message);
  });

  it('within another option → the error names both, and suggests an option of that object', () => {
    expect(client({ ...api, retry: { attempt: 3 } })).toThrow(
      new TypeError(
        'IntrospectionClient: unknown option "retry.attempt"; known options: attempts, attemptTimeoutMs; did you mean "attempts"?',
      ),
    );
  });

  it.each(['ttl', 'maxAge', 'maxAgeSecond', 'seconds'])(
    '"cache.%s" in place of the one option that is needed → the error names both, and suggests the needed one',
    (name) => {
      expect(authorizer({ ...api, cache: { [name]: 60 } })).toThrow(
        new TypeError(
          `Authorizer: unknown option "cache.${name}"; known options: maxAgeSeconds, inactiveMaxAgeSeconds, refreshAfterSeconds, maxAgeIfErrorSeconds, maxEntries, maxBytes, frontEntries, store, storeSecret, localMaxAgeSeconds; did you mean "maxAgeSeconds"?`,
        ),
      );
    },
  );

  it('beside all options that are needed → no suggestion', () => {
    expect(authorizer({ ...api, cache: { maxAgeSeconds: 60, ttl: 60 } })).toThrow(/; known options: [A-Za-z, ]+$/);
  });
});
