import { hangBeforeHeaders, json, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { protect } from '../../src/adapter/index.js';
import { internals } from '../../src/authorizer/authorizer-internals.js';
import { unverifiedIssuer } from '../../src/authorizer/unverified-issuer.js';
import { Authorizer, type AuthorizerOptions, isAuthorizer, isDecided, issuers } from '../../src/index.js';
import { outcomeOf, rejectionOf } from '../support/authorizer.js';
import { scripted } from '../support/scripted-transport.js';

let a: ScriptedServer;
let b: ScriptedServer;
beforeEach(async () => {
  [a, b] = await Promise.all([startScriptedServer(), startScriptedServer()]);
});
afterEach(() => Promise.all([a.close(), b.close()]));

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** An unsigned JWT: only its form matters here. */
const jwt = (claims: object) => `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`;
const tokenOf = (server: ScriptedServer, sub = 'alice') => jwt({ iss: server.origin, sub });
const sent = (server: ScriptedServer) => server.introspections.map(({ form }) => form.get('token'));

const authorizerOf = (server: ScriptedServer, options: Partial<AuthorizerOptions> = {}) =>
  new Authorizer({
    issuer: server.origin,
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    ...options,
  } as AuthorizerOptions);

describe('issuers: the choice', () => {
  it('sends each JWT only to the server that its iss names', async () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
    a.tokens.set(tokenOf(a), { sub: 'of-a', iss: a.origin });
    b.tokens.set(tokenOf(b), { sub: 'of-b', iss: b.origin });
    expect(await authorizer.authorize(`Bearer ${tokenOf(a)}`)).toMatchObject({ sub: 'of-a' });
    expect(await authorizer.guard()({ token: tokenOf(b) })).toMatchObject({ sub: 'of-b' });
    expect([sent(a), sent(b)]).toEqual([[tokenOf(a)], [tokenOf(b)]]);
  });

  it('rejects a JWT of an unknown issuer with 401, without a request', async () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
    for (const iss of ['https://other.example', `${a.origin}/`, '', 1, null, ['x']]) {
      expect(await outcomeOf(authorizer.authorize(`Bearer ${jwt({ iss })}`))).toBe('issuer_mismatch');
    }
    expect([sent(a), sent(b)]).toEqual([[], []]);
  });

  it('rejects tokens without an issuer with 401 and without a request, if there is no rule for opaque tokens', async () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
    for (const token of ['opaque', jwt({ sub: 'x' }), 'a.b.c', 'a.b.c.d.e', 'a.b', `x.${part([1])}.y`]) {
      expect(await outcomeOf(authorizer.authorize({ token }))).toBe('issuer_mismatch');
    }
    expect([sent(a), sent(b)]).toEqual([[], []]);
  });

  it('rejects a JWT of an unknown issuer even if the first authorizer has cached it for its own requests', async () => {
    const member = authorizerOf(a, { cache: { maxAgeSeconds: 60 } });
    const token = jwt({ iss: 'https://other.example' });
    a.tokens.set(token, {});
    expect(await outcomeOf(member.authorize({ token }))).toBe('ok');
    expect(await outcomeOf(issuers([member]).authorize({ token }))).toBe('issuer_mismatch');
  });

  it('reads no issuer from a token with more or fewer parts than a JWT', async () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
    const [header, payload] = tokenOf(a).split('.');
    for (const token of [`${header}.${payload}`, `${tokenOf(a)}.d`, `.${payload}`]) {
      expect(await outcomeOf(authorizer.authorize({ token }))).toBe('issuer_mismatch');
    }
    expect(sent(a)).toEqual([]);
  });

  it.each(['opaque', jwt({ iss: 'https://a.example' })])(
    'passes on the error of a check on a cache hit: %s',
    async (token) => {
      const member = authorizerOf(a, { issuer: 'https://a.example', cache: { maxAgeSeconds: 60 } });
      const authorizer = issuers([member], { opaque: member });
      a.tokens.set(token, {});
      await authorizer.authorize({ token });
      const fault = new Error('database');
      const check = () => {
        throw fault;
      };
      expect(await rejectionOf(authorizer.authorize({ token }, { check }))).toBe(fault);
      expect(sent(a)).toEqual([token]);
    },
  );

  it('sends tokens without an issuer to the authorizer of "opaque" alone', async () => {
    const [first, second] = [authorizerOf(a), authorizerOf(b)];
    const authorizer = issuers([first, second], { opaque: second });
    b.tokens.set('opaque', { sub: 'of-b' });
    expect(await authorizer.authorize('Bearer opaque')).toMatchObject({ sub: 'of-b' });
    expect(await outcomeOf(authorizer.authorize(`Bearer ${jwt({ sub: 'x' })}`))).toBe('inactive');
    expect(sent(a)).toEqual([]);
    expect(sent(b)).toHaveLength(2);
  });

  it('lets a function choose by the request for tokens without an issuer', async () => {
    const [first, second] = [authorizerOf(a), authorizerOf(b)];
    const authorizer = issuers([first, second], {
      opaque: ({ url }) => (url === '/a' ? first : url === '/b' ? second : url === '/c' ? authorizerOf(a) : undefined),
    });
    b.tokens.set('opaque', {});
    const authorize = (url: string) => outcomeOf(authorizer.authorize({ authorization: 'Bearer opaque', url }));
    expect([await authorize('/b'), await authorize('/a'), await authorize('/')]).toEqual([
      'ok',
      'inactive',
      'issuer_mismatch',
    ]);
    await expect(authorize('/c')).rejects.toThrow(
      'issuers: the function "opaque" must return an authorizer of the list',
    );
  });

  it('rejects a token if the chosen server names another issuer in its response', async () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
    a.tokens.set(tokenOf(a), { iss: b.origin });
    expect(await outcomeOf(authorizer.authorize(`Bearer ${tokenOf(a)}`))).toBe('issuer_mismatch');
    expect(sent(b)).toEqual([]);
  });

  it('chooses by an alias of an issuer too', async () => {
    const issuerAliases = ['https://login.example', 'https://old.example'];
    const authorizer = issuers([authorizerOf(a, { issuerAliases }), authorizerOf(b)]);
    const token = jwt({ iss: 'https://old.example' });
    a.tokens.set(token, { iss: 'https://login.example' });
    expect(await outcomeOf(authorizer.authorize({ token }))).toBe('ok');
    expect(sent(b)).toEqual([]);
  });

  it('decides without a promise on a cache hit', async () => {
    const cache = { maxAgeSeconds: 60 };
    const decide = issuers([authorizerOf(a, { cache }), authorizerOf(b, { cache })]).decider();
    a.tokens.set(tokenOf(a), { sub: 'of-a' });
    const request = { authorization: `Bearer ${tokenOf(a)}` };
    expect(isDecided(decide(request))).toBe(false);
    await a.introspection(1);
    await decide(request);
    const decision = decide(request);
    expect(isDecided(decision)).toBe(true);
    expect(decision).toMatchObject({ allowed: true, token: { sub: 'of-a' } });
  });
});

describe('issuers: the table of accepted JWTs', () => {
  const cache = { maxAgeSeconds: 60 };
  /** Counts how often `iss` is decoded. */
  const decoded = () => vi.spyOn(globalThis, 'atob').mockClear();
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('decodes the iss of a JWT at its first requests only', async () => {
    const authorizer = issuers([authorizerOf(a, { cache }), authorizerOf(b, { cache })]);
    a.tokens.set(tokenOf(a), { iss: a.origin });
    await authorizer.authorize(`Bearer ${tokenOf(a)}`);
    const decode = decoded();
    for (let i = 0; i < 3; i++) await authorizer.authorize(`Bearer ${tokenOf(a)}`);
    expect([decode.mock.calls.length, a.introspections.length]).toEqual([0, 1]);
  });

  it('decodes a JWT that ends like an accepted one: the whole token is compared', async () => {
    const authorizer = issuers([authorizerOf(a, { cache }), authorizerOf(b, { cache })]);
    const end = `.${'s'.repeat(60)}`;
    const [ofA, ofB, ofOther] = [a.origin, b.origin, 'https://other.example'].map(
      (iss) => `e30.${part({ iss })}${end}`,
    );
    a.tokens.set(String(ofA), { iss: a.origin });
    b.tokens.set(String(ofB), { iss: b.origin });
    for (const token of [ofA, ofB, ofA]) expect(await outcomeOf(authorizer.authorize(`Bearer ${token}`))).toBe('ok');
    expect(await outcomeOf(authorizer.authorize(`Bearer ${ofOther}`))).toBe('issuer_mismatch');
    expect([sent(a), sent(b)]).toEqual([[ofA], [ofB]]);
  });

  it.each([
    ['a rejected JWT', { cache }, 'bob'],
    ['a JWT without a cache', {}, 'alice'],
    ['a JWT with frontEntries: 0', { cache: { ...cache, frontEntries: 0 } }, 'alice'],
  ])('does not hold %s', async (_, options, sub) => {
    const authorizer = issuers([authorizerOf(a, options), authorizerOf(b, { cache })]);
    a.tokens.set(tokenOf(a), { iss: a.origin });
    await outcomeOf(authorizer.authorize(`Bearer ${tokenOf(a, sub)}`));
    const decode = decoded();
    await outcomeOf(authorizer.authorize(`Bearer ${tokenOf(a, sub)}`));
    expect(decode).toHaveBeenCalledOnce();
  });

  it('rejects a malformed field of an accepted token as before', async () => {
    const authorizer = issuers([authorizerOf(a, { cache }), authorizerOf(b, { cache })]);
    const token = tokenOf(a);
    a.tokens.set(token, { iss: a.origin });
    expect(await outcomeOf(authorizer.authorize(`Bearer ${token}`))).toBe('ok');
    for (const field of [`Bearer ${token}, Bearer x`, `Bearer ${token} x`, `Bearer\t${token}`]) {
      expect(await outcomeOf(authorizer.authorize(field))).toBe('invalid_request');
    }
    expect(await outcomeOf(authorizer.authorize([`Bearer ${token}`, `Bearer ${token}`]))).toBe('invalid_request');
    expect(await outcomeOf(authorizer.authorize({ token: `${token} x` }))).toBe('malformed');
  });
});

describe('issuers: the interface of an authorizer', () => {
  it('is recognised as an authorizer, and protects routes', async () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
    expect(isAuthorizer(authorizer)).toBe(true);
    b.tokens.set(tokenOf(b), { scope: 'read' });
    const native = {};
    const decide = protect(authorizer, { scopes: ['read'] });
    expect(await decide({ authorization: `Bearer ${tokenOf(b)}`, native })).toMatchObject({ allowed: true });
    expect(await decide({ authorization: undefined, native })).toMatchObject({ status: 401 });
    expect(await decide({ authorization: 'Bearer a b', native })).toMatchObject({ status: 400 });
    const unknown = { authorization: `Bearer ${jwt({ iss: 'https://x.example' })}`, native };
    expect(await decide(unknown)).toMatchObject({ status: 401, error: { reason: 'issuer_mismatch' } });
  });

  it('denies an unknown issuer with the challenge and the body of the authorizer for opaque tokens', async () => {
    const other = authorizerOf(b, { realm: 'b', errorBody: () => ({ problem: 'b' }) });
    const decide = issuers([authorizerOf(a, { realm: 'a' }), other], { opaque: other }).decider();
    const denied = await decide({ authorization: `Bearer ${jwt({ iss: 'https://x.example' })}` });
    expect(denied).toMatchObject({ body: '{"problem":"b"}' });
    expect(JSON.stringify(denied)).toContain('realm=\\"b\\", error=\\"invalid_token\\"');
  });

  it('lets a request without a token pass an optional policy', async () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
    expect(await authorizer.authorize(undefined, { optional: true })).toBeNull();
  });

  it('checks each policy by every authorizer when a guard is made', () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b, { scopes: ['read'] })]);
    for (const make of ['guard', 'policy', 'decider'] as const) {
      expect(() => authorizer[make]({ scopes: ['write'] })).toThrow(TypeError);
      expect(() => authorizer[make]({ scope: 'read' } as object)).toThrow(TypeError);
    }
    expect(authorizer.policy({ scopes: ['read'] })).toEqual({ scopes: ['read'] });
  });

  it('lists all issuers in the resource metadata, and no alias', () => {
    const resource = 'https://api.example/v1';
    const issuerAliases = ['https://login.example'];
    const authorizer = issuers([authorizerOf(a, { issuerAliases }), authorizerOf(b, { resource })]);
    expect(authorizer.resourceMetadata()).toEqual({
      path: '/.well-known/oauth-protected-resource/v1',
      document: { resource, authorization_servers: [a.origin, b.origin], bearer_methods_supported: ['header'] },
    });
    expect(() => issuers([authorizerOf(a)]).resourceMetadata()).toThrow('configure "resource"');
  });

  it('lets a preflight pass, and names an audience, only if every authorizer does', () => {
    const strict = issuers([authorizerOf(a, { passPreflight: true, audience: 'x' }), authorizerOf(b)]);
    expect([strict.passPreflight, strict.audience]).toEqual([false, undefined]);
    const options = { passPreflight: true, audience: ['x', 'y'] };
    const open = issuers([authorizerOf(a, options), authorizerOf(b, options)]);
    expect([open.passPreflight, open.audience]).toEqual([true, ['x', 'y']]);
  });

  it('accepts another selector in its list', async () => {
    const authorizer = issuers([issuers([authorizerOf(a)]), authorizerOf(b)]);
    a.tokens.set(tokenOf(a), {});
    expect(await outcomeOf(authorizer.authorize({ token: tokenOf(a) }))).toBe('ok');
    expect(await outcomeOf(authorizer.authorize({ token: jwt({ iss: 'x' }) }))).toBe('issuer_mismatch');
  });

  it('ready rejects if one server is not ready', async () => {
    const authorizer = issuers([authorizerOf(a), authorizerOf(b)]);
    await authorizer.ready();
    expect([a.introspections.length, b.introspections.length]).toEqual([1, 1]);
    const failing = issuers([authorizerOf(a), authorizerOf(b)]);
    b.always(respond({ status: 500 }));
    expect(await outcomeOf(failing.ready())).toBe('unavailable');
  });

  it('invalidate, stats and close apply to every authorizer', async () => {
    const members = [a, b].map((server) => authorizerOf(server, { cache: { maxAgeSeconds: 60 } }));
    await using authorizer = issuers(members);
    for (const server of [a, b]) {
      server.tokens.set(tokenOf(server), { sub: 'alice' });
      await authorizer.authorize({ token: tokenOf(server) });
    }
    expect(authorizer.stats()).toMatchObject({
      entries: { active: 2 },
      requests: { active: 2 },
      circuitBreaker: 'closed',
      inFlight: 0,
      queued: 0,
    });
    await authorizer.invalidate({ sub: 'alice' });
    for (const server of [a, b]) await authorizer.authorize({ token: tokenOf(server) });
    expect([a.introspections.length, b.introspections.length]).toEqual([2, 2]);
    expect(authorizer.stats().lookups.invalidated).toBe(2);
    expect(await rejectionOf(authorizer.invalidate({} as never))).toBeInstanceOf(TypeError);
  });
});

describe('issuers: the accepted tokens in memory', () => {
  it('are as many as those of all authorizers together', () => {
    const cache = { maxAgeSeconds: 60, frontEntries: 10 };
    const members = [authorizerOf(a, { cache }), authorizerOf(b, { cache: { ...cache, frontEntries: 5 } })];
    expect(issuers(members)[internals]).toMatchObject({ frontEntries: 15, acceptedIssuers: [a.origin, b.origin] });
  });
});

describe('issuers: the end', () => {
  it('closes every authorizer at the end of an "await using" block', async () => {
    const members = [a, b].map((server) => authorizerOf(server));
    const closes = members.map((member) => vi.spyOn(member, 'close'));
    {
      await using _authorizer = issuers(members);
    }
    for (const close of closes) expect(close).toHaveBeenCalledOnce();
  });
});

describe('unverifiedIssuer', () => {
  it.each([
    [{ iss: 'https://a.example' }, 'https://a.example'],
    [{ iss: 1 }, ''],
    [{ sub: 'x' }, undefined],
    [null, undefined],
    ['iss', undefined],
  ])('of a JWT with the claims %j is %j', (claims, issuer) => {
    expect(unverifiedIssuer(jwt(claims as object))).toBe(issuer);
  });

  it('of a JWT whose claims are base64url, with "-" and "_", is read', () => {
    const claims = { iss: 'https://a.example', sub: '>>>???>>??>?>' };
    expect(jwt(claims)).toMatch(/\..*(-.*_|_.*-).*\./);
    expect(unverifiedIssuer(jwt(claims))).toBe('https://a.example');
  });
});

describe('issuers: two issuers do not influence each other', () => {
  const bothFor = (options: Partial<AuthorizerOptions>) => {
    const members = [a, b].map((server) => authorizerOf(server, options));
    for (const server of [a, b]) server.tokens.set(tokenOf(server), { sub: server.origin });
    return { members, authorizer: issuers(members) };
  };

  it('an open circuit breaker of one leaves the other closed', async () => {
    const { authorizer, members } = bothFor({ circuitBreaker: { minimumRequests: 1, openMs: 60_000 } });
    a.always(respond({ status: 500 }));
    expect(await outcomeOf(authorizer.authorize({ token: tokenOf(a) }))).toBe('unavailable');
    expect(await outcomeOf(authorizer.authorize({ token: tokenOf(b) }))).toBe('ok');
    expect(members.map((each) => each.stats().circuitBreaker)).toEqual(['open', 'closed']);
    expect(authorizer.stats().circuitBreaker).toBe('open');
  });

  it('a used-up limit of one delays no request of the other', async () => {
    const { authorizer } = bothFor({ limits: { concurrent: 1 } });
    a.next(hangBeforeHeaders());
    const controller = new AbortController();
    const request = { authorization: `Bearer ${tokenOf(a)}`, signal: controller.signal };
    const pending = authorizer.authorize(request).catch(() => 'aborted');
    await a.introspection(1);
    expect(await authorizer.authorize({ token: tokenOf(b) })).toMatchObject({ sub: b.origin });
    controller.abort();
    expect(await pending).toBe('aborted');
  });

  it('each has its own cache and its own flights, also for one opaque token', async () => {
    const members = [a, b].map((server) => authorizerOf(server, { cache: { maxAgeSeconds: 60 } }));
    const [first, second] = members;
    const authorizer = issuers(members, { opaque: ({ url }) => (url === '/a' ? first : second) });
    for (const server of [a, b]) server.tokens.set('same', { sub: server.origin });
    const authorize = (url: string) => authorizer.authorize({ authorization: 'Bearer same', url });
    const tokens = await Promise.all(['/a', '/b', '/a', '/b'].map(authorize));
    expect(tokens.map((token) => token.sub)).toEqual([a.origin, b.origin, a.origin, b.origin]);
    expect([a.introspections.length, b.introspections.length]).toEqual([1, 1]);
    await first?.invalidate({ all: true });
    await Promise.all(['/a', '/b'].map(authorize));
    expect([a.introspections.length, b.introspections.length]).toEqual([2, 1]);
  });

  it('each challenges with its own realm', async () => {
    const authorizer = issuers([authorizerOf(a, { realm: 'a' }), authorizerOf(b, { realm: 'b' })]);
    for (const [server, realm] of [
      [a, 'a'],
      [b, 'b'],
    ] as const) {
      server.always(json({ active: false }));
      const error = await rejectionOf(authorizer.authorize({ token: tokenOf(server) }));
      expect(error).toHaveProperty('headers.0.1', expect.stringContaining(`realm="${realm}"`));
    }
  });
});

describe('issuers: what it rejects at construction', () => {
  const one = () => authorizerOf(a);
  const list = 'pass a list of authorizers, with one for each issuer';
  const opaque = '"opaque" must be an authorizer of the list, or a function that returns one';
  it.each([
    ['an empty list', () => issuers([]), list],
    ['no list', () => issuers(one() as never), list],
    ['another value in the list', () => issuers([one(), {} as never]), list],
    [
      'two with the same issuer',
      () => issuers([one(), one()]),
      /^issuers: two authorizers have the issuer http:\/\/127\.0\.0\.1:\d+: pass one authorizer for each issuer$/,
    ],
    [
      'an alias that is the issuer of another',
      () => issuers([one(), authorizerOf(b, { issuerAliases: [a.origin] })]),
      /^issuers: two authorizers have the issuer http:\/\/127\.0\.0\.1:\d+: pass one authorizer for each issuer$/,
    ],
    [
      'one without an issuer',
      () => issuers([one(), new Authorizer(scripted)]),
      'the authorizer at index 1 has no "issuer", so no token could choose it: set its option "issuer"',
    ],
    ['"opaque" outside the list', () => issuers([one()], { opaque: authorizerOf(b) }), opaque],
    ['"opaque" that is undefined', () => issuers([one()], { opaque: undefined } as never), opaque],
    [
      '"opaque" that is inherited',
      () => issuers([one()], Object.create({ opaque: () => undefined })),
      '"opaque" is inherited, for example from a class: set it on the options object itself',
    ],
    ['an unknown option', () => issuers([one()], { opaq: 1 } as never), 'unknown option "opaq"; known options: opaque'],
    [
      'different resources',
      () =>
        issuers([
          authorizerOf(a, { resource: 'https://x.example' }),
          authorizerOf(b, { resource: 'https://y.example' }),
        ]),
      'the authorizers have different "resource" values: they protect one API, so set the same',
    ],
  ])('rejects %s', (_, make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(typeof message === 'string' ? new TypeError(`issuers: ${message}`) : message);
  });
});

describe('issuerAliases', () => {
  it('accepts the aliases like the issuer, and no other issuer', async () => {
    const authorizer = authorizerOf(a, { issuerAliases: ['https://login.example'] });
    a.tokens
      .set('one', { iss: a.origin })
      .set('two', { iss: 'https://login.example' })
      .set('three', { iss: 'https://x' });
    const outcomes = ['one', 'two', 'three'].map((token) => outcomeOf(authorizer.authorize({ token })));
    expect(await Promise.all(outcomes)).toEqual(['ok', 'ok', 'issuer_mismatch']);
  });

  it('rejects aliases that are empty, undefined, or without an issuer', () => {
    for (const issuerAliases of [[], [''], undefined, 'https://login.example']) {
      expect(() => authorizerOf(a, { issuerAliases } as object)).toThrow('Authorizer: "issuerAliases');
    }
    expect(() => new Authorizer({ ...scripted, issuerAliases: ['https://x.example'] })).toThrow(
      'Authorizer: "issuerAliases" needs the option "issuer"',
    );
  });
});
