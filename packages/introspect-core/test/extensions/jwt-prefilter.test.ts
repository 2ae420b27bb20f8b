import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  active,
  hangBeforeHeaders,
  inactive,
  json,
  respond,
  type ScriptedServer,
  startScriptedServer,
} from '@acme/introspect-testing';
import { base64url } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type JwtPrefilterOptions, jwtPrefilter } from '../../src/extensions/jwt/jwt-prefilter.js';
import { Authorizer, type AuthorizerOptions, type IntrospectEvent, IntrospectionClient } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';
import { eventLoopTurns } from '../support/event-loop.js';
import { type IssuerKey, issuerKey, keyFetches, publish } from '../support/issuer.js';

let server: ScriptedServer;
let clocks: Clocks;
let key: IssuerKey;
let stranger: IssuerKey;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active());
  clocks = new Clocks();
  const claims = { iss: server.origin, aud: 'api', sub: 'mickey', exp: clocks.in(3600) };
  key = await issuerKey('key-1', claims);
  stranger = await issuerKey('key-1', claims);
  publish(server, [key]);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await server.close();
});

function filtered(prefilter: JwtPrefilterOptions = {}, options: Partial<AuthorizerOptions> = {}) {
  const events: IntrospectEvent[] = [];
  const authorizer = new Authorizer({
    issuer: server.origin,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    now: clocks.now,
    monotonicNow: clocks.monotonicNow,
    onEvent: (event) => void events.push(event),
    prefilter: jwtPrefilter(prefilter),
    ...options,
  });
  return {
    events,
    authorizer,
    /** Returns `active`, or why the token is rejected. */
    judge: (token: string) =>
      authorizer.authorize(`Bearer ${token}`).then(
        () => 'active',
        (error) => error.reason ?? error.code,
      ),
  };
}

const claimsOf = (token: string) => JSON.parse(new TextDecoder().decode(base64url.decode(token.split('.')[1] ?? '')));
/** Replaces the header, and leaves the signature as it is. */
function withHeader(token: string, header: object): string {
  return [base64url.encode(JSON.stringify(header)), ...token.split('.').slice(1)].join('.');
}

describe('jwtPrefilter', () => {
  it('finds the keys by "metadataUrl", for an issuer that this process cannot reach', async () => {
    const issuer = 'https://public.example/realms/demo';
    const outside = await issuerKey('key-2', { iss: issuer, exp: clocks.in(3600) });
    server.at(
      '/inside',
      json({ issuer, jwks_uri: `${server.origin}/inside/keys`, introspection_endpoint: server.introspectionEndpoint }),
    );
    server.at('/inside/keys', json({ keys: [outside.jwk] }));
    const { judge } = filtered({}, { issuer, metadataUrl: `${server.origin}/inside` });
    const token = await outside.sign();
    expect(await judge(token)).toBe('active');
    expect(await judge(`${token.slice(0, -20)}${'A'.repeat(20)}`)).toBe('bad_signature');
    expect(server.introspections).toHaveLength(1);
  });

  it('introspects a good JWT too, because only the server knows of a revocation', async () => {
    const { judge } = filtered();
    const token = await key.sign();
    expect(await judge(token)).toBe('active');
    server.always(inactive());
    expect(await judge(token)).toBe('inactive');
    expect(server.introspections).toHaveLength(2);
    expect(keyFetches(server)).toBe(1);
  });

  it.each([
    ['signed by another key under a known kid', () => stranger.sign(), 'bad_signature'],
    ['with a signature that is empty', async () => (await key.sign()).replace(/\.[^.]*$/, '.'), 'bad_signature'],
    ['with one changed claim', async () => tampered(await key.sign()), 'bad_signature'],
    ['of alg none', async () => withHeader(await key.sign(), { alg: 'none' }), 'bad_signature'],
    ['of alg none in upper and lower case', async () => withHeader(await key.sign(), { alg: 'NoNe' }), 'bad_signature'],
    ['of a symmetric alg', async () => withHeader(await key.sign(), { alg: 'HS256', kid: 'key-1' }), 'bad_signature'],
    ['of a symmetric alg and no kid', async () => withHeader(await key.sign(), { alg: 'HS512' }), 'bad_signature'],
    [
      'of an alg that is not a string',
      async () => withHeader(await key.sign(), { alg: 256, kid: 'a' }),
      'bad_signature',
    ],
    [
      'of an alg that the key is not for',
      async () => withHeader(await key.sign(), { alg: 'RS256', kid: 'key-1' }),
      'bad_signature',
    ],
    ['that has expired', () => key.sign({ exp: clocks.in(0) }), 'expired'],
    ['that is not valid yet', () => key.sign({ nbf: clocks.in(31) }), 'not_yet_valid'],
    ['of another issuer', () => key.sign({ iss: 'https://other.example' }), 'issuer_mismatch'],
    ['of an issuer that differs by a slash', () => key.sign({ iss: `${server.origin}/` }), 'issuer_mismatch'],
  ])('rejects a JWT %s, without an introspection request', async (_, token, reason) => {
    const { judge, events } = filtered();
    expect(await judge(await token())).toBe(reason);
    expect(server.introspections).toEqual([]);
    expect(events).toEqual([{ type: 'prefilter_rejected', reason }]);
  });

  it.each([
    ['expires in this very second', () => key.sign({ exp: clocks.in(1) })],
    ['is not valid yet, within the skew', () => key.sign({ nbf: clocks.in(30) })],
    ['names no issuer', () => key.sign({ iss: undefined })],
    ['names an issuer that is not a string', () => key.sign({ iss: 5 as never })],
    ['has times that are not numbers', () => key.sign({ exp: 'soon' as never, nbf: 'then' as never })],
  ])('introspects a JWT that %s', async (_, token) => {
    expect(await filtered().judge(await token())).toBe('active');
  });

  it.each([
    ['"introspect" without keys', new Error('x'), () => key.sign(), 'introspect'],
    ['"introspect" for a good signature', undefined, () => key.sign(), 'introspect'],
    ['"deprioritize" for an unknown kid', undefined, () => key.sign({}, { kid: 'other' }), 'deprioritize'],
    ['a rejection for a bad signature', undefined, () => stranger.sign(), { reject: 'bad_signature' }],
  ])('returns %s', async (_, fault, token, verdict) => {
    const fetchKeys = async () => {
      if (fault !== undefined) throw fault;
      return { keys: [key.jwk] };
    };
    const { now, monotonicNow } = clocks;
    const context = { issuer: server.origin, now, monotonicNow, fetchKeys, invalidReason: () => undefined };
    expect(await jwtPrefilter()(await token(), context)).toEqual(verdict);
  });

  it('applies the clock skew of the authorizer', async () => {
    const { judge } = filtered({}, { clockSkewSeconds: 10 });
    expect(await judge(await key.sign({ exp: clocks.in(-9) }))).toBe('active');
    expect(await judge(await key.sign({ exp: clocks.in(-10) }))).toBe('expired');
    expect(await judge(await key.sign({ nbf: clocks.in(11) }))).toBe('not_yet_valid');
  });

  it.each(['RS256', 'PS256', 'ES384', 'EdDSA'])(
    'introspects a JWT that is signed with %s, unless "algorithms" excludes it',
    async (alg) => {
      const other = await issuerKey('other', { iss: server.origin }, alg);
      publish(server, [key, other]);
      const { judge } = filtered();
      expect(await judge(await other.sign())).toBe('active');
      expect(await filtered({ algorithms: ['ES256'] }).judge(await other.sign())).toBe('bad_signature');
    },
  );

  it('verifies Ed25519 under its new and its old name, whichever name the key has', async () => {
    const keys = await Promise.all(['EdDSA', 'Ed25519'].map((alg) => issuerKey(alg, { iss: server.origin }, alg)));
    const otherName = keys.map(({ jwk, ...rest }, i) => ({
      ...rest,
      jwk: { ...jwk, alg: keys[1 - i]?.jwk.alg ?? '' },
    }));
    const { judge } = filtered();
    publish(server, [key, ...otherName]);
    const introspect = vi.spyOn(IntrospectionClient.prototype, 'introspect');
    for (const each of keys) expect(await judge(await each.sign())).toBe('active');
    expect(introspect.mock.calls.map(([, options]) => options?.priority)).toEqual(['normal', 'normal']);
    const stranger = await issuerKey('EdDSA', { iss: server.origin }, 'Ed25519');
    expect(await judge(await stranger.sign())).toBe('bad_signature');
  });

  it('rejects a well-signed JWT whose "crit" is not supported', async () => {
    const { judge } = filtered();
    const [known, unknown] = [{ b64: true }, { pledge: true }];
    expect(await judge(await key.sign({}, { ...known, crit: ['b64'] }))).toBe('active');
    expect(await judge(await key.sign({}, { ...unknown, crit: ['pledge'] }, { crit: unknown }))).toBe('bad_signature');
    expect(server.introspections).toHaveLength(1);
  });

  function tampered(token: string): string {
    const [header, , signature] = token.split('.');
    return [header, base64url.encode(JSON.stringify({ ...claimsOf(token), sub: 'donald' })), signature].join('.');
  }
});

describe('a token that is not a JWT', () => {
  it.each(['2YotnFZFEjr1zCsicMWpAA', 'a.b.c', 'eyJhbGciOiJSUzI1NiJ9.e30', 'a.b.c.d.e', '..', 'e30.e30.x'])(
    '(%s) is introspected without a fetch of the keys',
    async (token) => {
      expect(await filtered().judge(token)).toBe('active');
      expect(keyFetches(server)).toBe(0);
    },
  );
});

describe('10,000 forged tokens', () => {
  /** Bad signatures are cheap to make. */
  async function forged(
    count: number,
    kidOf: (i: number) => string,
    more: (i: number) => object | undefined = () => undefined,
  ): Promise<string[]> {
    const [, payload] = (await key.sign()).split('.');
    const garbage = base64url.encode(new Uint8Array(64).fill(7));
    return Array.from({ length: count }, (_, i) =>
      [base64url.encode(JSON.stringify({ alg: 'ES256', kid: kidOf(i), i, ...more(i) })), payload, garbage].join('.'),
    );
  }

  /** Each has its number as "i", and a known kid. */
  const headers: readonly (readonly [what: string, more: object])[] = [
    ['nothing else', {}],
    ['an unsupported crit', { crit: ['i'] }],
    ['an unsupported crit, twice', { crit: ['i', 'i'] }],
    ['a crit whose parameter is missing', { crit: ['x'] }],
    ['a crit that names parameters of the standard', { crit: ['alg', 'kid'] }],
    ['a crit with names that all objects have', { crit: ['__proto__', 'constructor'] }],
    ['a crit that is empty', { crit: [] }],
    ['a crit that is a text', { crit: 'i' }],
    ['a crit that is a number', { crit: 1 }],
    ['a crit that is null', { crit: null }],
    ['a crit of numbers', { crit: [1] }],
    ['a crit that is an object', { crit: { i: true } }],
    ['a payload that is not encoded', { crit: ['b64'], b64: false }],
    ['a payload that is encoded as usual', { crit: ['b64'], b64: true }],
    ['a b64 that is a text', { crit: ['b64'], b64: 'no' }],
    ['a b64 without crit', { b64: false }],
    ['an encryption', { enc: 'A256GCM', zip: 'DEF' }],
    ['keys of its own', { jku: 'https://forger.example/keys', jwk: {}, x5u: 'https://forger.example', x5c: ['AAAA'] }],
    ['another type', { typ: 5, cty: 'JWT' }],
    ['the other EC algorithm', { alg: 'ES384' }],
    ['the algorithm of another kind of key', { alg: 'EdDSA' }],
    ['no algorithm', { alg: undefined }],
    ['an algorithm that is not a string', { alg: ['ES256'] }],
  ];
  it('with known kids cost no introspection request and one fetch of the keys per cooldown, with any header', async () => {
    const { judge } = filtered();
    const tokens = await forged(
      10_000,
      () => 'key-1',
      (i) => headers[i % headers.length]?.[1],
    );
    const others = new Set<string>();
    for (let start = 0; start < tokens.length; start += 500) {
      const verdicts = await Promise.all(tokens.slice(start, start + 500).map(judge));
      for (const [i, verdict] of verdicts.entries()) {
        if (verdict !== 'bad_signature') others.add(`${headers[(start + i) % headers.length]?.[0]}: ${verdict}`);
      }
    }
    expect([...others]).toEqual([]);
    expect(server.introspections).toEqual([]);
    expect(keyFetches(server)).toBe(1);
    clocks.pass(30);
    await Promise.all(tokens.slice(0, 500).map(judge));
    expect(server.introspections).toEqual([]);
    expect(keyFetches(server)).toBe(2);
  });

  it('with unknown kids never exceed the rate limit, and good tokens are introspected first', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const perSecond = 40;
    const { judge } = filtered({}, { limits: { perSecond }, monotonicNow: () => performance.now(), timeoutMs: 5000 });
    const tokens = await forged(10_000, (i) => `made-up-${i}`);
    const good = await Promise.all(Array.from({ length: 20 }, (_, i) => key.sign({ jti: `${i}` })));
    const isGood = new Set(good);
    const received: { at: number; isGood: boolean }[] = [];
    server.always((response, request) => {
      received.push({ at: performance.now(), isGood: isGood.has(request.form.get('token') ?? '') });
      active()(response, request);
    });
    const introspect = vi.spyOn(IntrospectionClient.prototype, 'introspect');
    const outcomes = Promise.all(tokens.map(judge));
    const goodOnes = Promise.all(good.map(judge));
    let isOver = false;
    void Promise.all([outcomes, goodOnes]).then(() => {
      isOver = true;
    });
    // Signatures are verified in another thread, which takes real time. The time limit must not pass meanwhile.
    while (introspect.mock.calls.length < tokens.length + good.length) await eventLoopTurns(1);
    while (!isOver) {
      await eventLoopTurns(3);
      await vi.advanceTimersByTimeAsync(20);
    }
    vi.useRealTimers();
    expect(new Set(await goodOnes)).toEqual(new Set(['active']));
    expect(received.filter(({ isGood }) => isGood)).toHaveLength(20);
    const times = received.map(({ at }) => at);
    const most = Math.max(...times.map((at, i) => times.slice(i).filter((each) => each < at + 1000).length));
    expect(most).toBeLessThanOrEqual(perSecond);
    expect(new Set(await outcomes)).toEqual(new Set(['active', 'unavailable']));
    expect(keyFetches(server)).toBe(1);
  });
});

describe('an unknown kid', () => {
  let next: IssuerKey;
  beforeEach(async () => {
    next = await issuerKey('key-2', { iss: server.origin });
  });
  const priorities = () => {
    const introspect = vi.spyOn(IntrospectionClient.prototype, 'introspect');
    return () => introspect.mock.calls.map(([, options]) => options?.priority);
  };

  it('causes a fetch of the keys after the cooldown, and is known from then on', async () => {
    const sentPriorities = priorities();
    const { judge } = filtered({ cooldownSeconds: 30 });
    await judge(await key.sign());
    publish(server, [key, next]);
    clocks.pass(30);
    expect(await judge(await next.sign())).toBe('active');
    expect(keyFetches(server)).toBe(2);
    expect(sentPriorities()).toEqual(['normal', 'normal']);
    expect(await judge(withHeader(await stranger.sign(), { alg: 'ES256', kid: 'key-2' }))).toBe('bad_signature');
  });

  it('is introspected last during the cooldown, without a fetch of the keys', async () => {
    const sentPriorities = priorities();
    const { judge } = filtered({ cooldownSeconds: 30 });
    await judge(await key.sign());
    publish(server, [key, next]);
    clocks.pass(29.999);
    expect(await judge(await next.sign())).toBe('active');
    expect(keyFetches(server)).toBe(1);
    expect(sentPriorities()).toEqual(['normal', 'low']);
  });

  it('that the new keys lack too is introspected last, with one fetch per cooldown', async () => {
    const sentPriorities = priorities();
    const { judge } = filtered({ cooldownSeconds: 30 });
    for (let i = 0; i < 10; i++) {
      expect(await judge(await next.sign({ jti: String(i) }))).toBe('active');
      clocks.pass(10);
    }
    expect(keyFetches(server)).toBe(4);
    expect(new Set(sentPriorities())).toEqual(new Set(['low']));
  });

  it('causes a fetch after the cooldown even if the wall clock is set back', async () => {
    const { judge } = filtered({ cooldownSeconds: 30 });
    await judge(await key.sign());
    publish(server, [next]);
    clocks.pass(30);
    clocks.stepWall(-1000);
    expect(await judge(await next.sign())).toBe('active');
    expect(keyFetches(server)).toBe(2);
  });
});

describe('a rotation of keys', () => {
  it('that ends while a token without a kid is verified does not delay that token', async () => {
    const [old, next] = await Promise.all([1, 2].map(() => issuerKey(undefined, { iss: server.origin })));
    const held = Promise.withResolvers<Readonly<Record<string, unknown>>>();
    const fetchKeys = vi.fn(() => held.promise).mockResolvedValueOnce({ keys: [old?.jwk] });
    const { now, monotonicNow } = clocks;
    const context = { issuer: server.origin, now, monotonicNow, invalidReason: () => undefined, fetchKeys };
    const prefilter = jwtPrefilter();
    const judge = (token = '') => prefilter(token, context);
    expect(await judge(await old?.sign())).toBe('introspect');
    clocks.pass(30);
    const token = await next?.sign();
    const first = judge(token);
    await vi.waitFor(() => expect(fetchKeys).toHaveBeenCalledTimes(2), 60_000);
    const others = Array.from({ length: 50 }, () => judge(token));
    held.resolve({ keys: [next?.jwk] });
    expect(new Set(await Promise.all([first, ...others]))).toEqual(new Set(['introspect']));
    expect(fetchKeys).toHaveBeenCalledTimes(2);
  });

  it('under load rejects no good token', async () => {
    const { judge } = filtered({}, { limits: { concurrent: 50 }, timeoutMs: 60_000 });
    const next = await issuerKey('key-2', { iss: server.origin });
    await judge(await key.sign());
    clocks.pass(60);
    publish(server, [key, next]);
    const tokens = await Promise.all(
      Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? key : next).sign({ jti: String(i) })),
    );
    expect(new Set(await Promise.all(tokens.map(judge)))).toEqual(new Set(['active']));
    expect(server.introspections).toHaveLength(401);
    expect(keyFetches(server)).toBe(2);
  });

  it.each([
    ['are published before they sign', 30, 3],
    ['sign as soon as they are published', 0, 1],
  ])(
    'from RSA to ECDSA and to Ed25519 under load rejects no good token when the keys %s',
    async (_, seconds, fetches) => {
      const { judge } = filtered({}, { limits: { concurrent: 50 }, timeoutMs: 60_000 });
      const claims = { iss: server.origin };
      const keys = await Promise.all(['RS256', 'ES256', 'EdDSA'].map((alg) => issuerKey(`of ${alg}`, claims, alg)));
      for (const [i] of keys.entries()) {
        publish(server, keys.slice(0, i + 1));
        clocks.pass(seconds);
        const signers = Array.from({ length: 90 }, (_, j) => keys[j % (i + 1)]);
        const tokens = await Promise.all(signers.map((signer, j) => signer?.sign({ jti: `${i}.${j}` }) ?? ''));
        expect(new Set(await Promise.all(tokens.map(judge)))).toEqual(new Set(['active']));
      }
      expect(keyFetches(server)).toBe(fetches);
    },
  );

  it('is noticed after ten minutes, and the keys are not fetched before that', async () => {
    const { judge } = filtered({ cooldownSeconds: 1 });
    await judge(await key.sign());
    clocks.pass(599.999);
    await judge(await key.sign());
    expect(keyFetches(server)).toBe(1);
    clocks.pass(0.001);
    await judge(await key.sign());
    await vi.waitFor(() => expect(keyFetches(server)).toBe(2), 60_000);
  });

  it('that removes keys takes effect within ten minutes, and no good token waits for the new keys', async () => {
    const introspect = vi.spyOn(IntrospectionClient.prototype, 'introspect');
    const { judge } = filtered();
    await judge(await key.sign());
    publish(server, [await issuerKey('key-2', { iss: server.origin })]);
    clocks.pass(600);
    await judge(await key.sign());
    expect(introspect.mock.calls.map(([, options]) => options?.priority)).toEqual(['normal', 'normal']);
    await vi.waitFor(async () => {
      await judge(await key.sign());
      expect(introspect.mock.lastCall?.[1]?.priority).toBe('low');
    }, 60_000);
    expect(keyFetches(server)).toBe(2);
  });
});

describe('a key that the issuer replaced under the same kid', () => {
  it('verifies good tokens after the cooldown and one fetch, and tokens of the old key are rejected then', async () => {
    const { judge } = filtered({ cooldownSeconds: 30 });
    const introspect = vi.spyOn(IntrospectionClient.prototype, 'introspect');
    expect(await judge(await key.sign())).toBe('active');
    publish(server, [stranger]);
    clocks.pass(30);
    const tokens = await Promise.all(Array.from({ length: 50 }, (_, i) => stranger.sign({ jti: String(i) })));
    expect(new Set(await Promise.all(tokens.map(judge)))).toEqual(new Set(['active']));
    expect(keyFetches(server)).toBe(2);
    expect(new Set(introspect.mock.calls.map(([, options]) => options?.priority))).toEqual(new Set(['normal']));
    expect(await judge(await key.sign())).toBe('bad_signature');
    expect(keyFetches(server)).toBe(2);
  });

  it('has its tokens rejected during the cooldown, without a fetch', async () => {
    const { judge } = filtered({ cooldownSeconds: 30 });
    await judge(await key.sign());
    publish(server, [stranger]);
    clocks.pass(29.999);
    expect(await judge(await stranger.sign())).toBe('bad_signature');
    expect(keyFetches(server)).toBe(1);
    expect(server.introspections).toHaveLength(1);
  });

  it('has its tokens rejected while the new keys cannot be fetched, with one attempt per cooldown', async () => {
    const { judge, events } = filtered({ cooldownSeconds: 30 });
    await judge(await key.sign());
    server.at('/oauth/v2/keys', respond({ status: 500 }));
    clocks.pass(30);
    for (let i = 0; i < 3; i++) expect(await judge(await stranger.sign())).toBe('bad_signature');
    expect(keyFetches(server)).toBe(2);
    expect(events.filter(({ type }) => type === 'jwks_failed')).toHaveLength(1);
    expect(server.introspections).toHaveLength(1);
  });
});

describe('a published key that is not supported here', () => {
  /** A key that jose does not sign with. */
  function nodeKey(kid: string, alg: string, pair: { publicKey: KeyObject; privateKey: KeyObject }): IssuerKey {
    const hash = alg === 'EdDSA' ? null : 'sha256';
    return {
      kid,
      jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg },
      async sign(claims = {}, header = {}) {
        const parts = [
          { alg, kid, ...header },
          { iss: server.origin, ...claims },
        ];
        const text = parts.map((part) => base64url.encode(JSON.stringify(part))).join('.');
        const signature = sign(hash, Buffer.from(text), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
        return `${text}.${signature.toString('base64url')}`;
      },
    };
  }
  const onSecp256k1 = (kid: string) => nodeKey(kid, 'ES256K', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }));
  const onEd448 = (kid: string) => nodeKey(kid, 'EdDSA', generateKeyPairSync('ed448'));
  const shortRsa = (kid: string) => nodeKey(kid, 'RS256', generateKeyPairSync('rsa', { modulusLength: 1024 }));
  const unreadableRsa = (kid: string) => {
    const { jwk, ...rest } = nodeKey(kid, 'RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }));
    return { ...rest, jwk: { ...jwk, n: 'AQAB' } };
  };
  const known = (alg: string, kty: string) => (kid: string) => ({
    ...nodeKey(kid, alg, generateKeyPairSync('ec', { namedCurve: 'P-256' })),
    jwk: { kty, kid, alg, pub: 'AQAB' },
  });
  const priorityOf = async (judge: (token: string) => Promise<unknown>, token: string) => {
    const introspect = vi.spyOn(IntrospectionClient.prototype, 'introspect');
    expect(await judge(token)).toBe('active');
    return introspect.mock.lastCall?.[1]?.priority;
  };

  it.each([
    ['a curve that no runtime supports', onSecp256k1],
    ['a curve whose algorithm has the name of a known one', onEd448],
    ['fewer bits than allowed', shortRsa],
    ['a number that cannot be read', unreadableRsa],
    ['an algorithm that some runtimes support', known('ML-DSA-65', 'AKP')],
    ['an unknown algorithm', known('NEW-1', 'NEW')],
    ['an unknown key type, for a known algorithm', known('ES256', 'NEW')],
  ])('has its tokens introspected last: %s', async (_, make) => {
    const other = make('key-2');
    publish(server, [key, other]);
    expect(await priorityOf(filtered().judge, await other.sign())).toBe('low');
  });

  it.each([
    ['of the same kind', 'RS256', shortRsa],
    ['of another kind', 'ES256', shortRsa],
    ['for the same algorithm name', 'EdDSA', onEd448],
  ])('has its tokens introspected last even if a key %s has the same kid', async (_, alg, make) => {
    const [checkable, other] = [await issuerKey('key-2', { iss: server.origin }, alg), make('key-2')];
    publish(server, [checkable, other]);
    const { judge } = filtered();
    expect(await priorityOf(judge, await other.sign())).toBe('low');
    expect(await priorityOf(judge, await checkable.sign())).toBe('normal');
  });

  it.each(['ES256K', 'ML-DSA-65', 'NEW-1'])(
    'may replace a key with the same kid: then a token of %s is introspected last',
    async (alg) => {
      const token = withHeader(await key.sign(), { alg, kid: 'key-1' });
      expect(await priorityOf(filtered().judge, token)).toBe('low');
    },
  );

  it('is ignored if it is for encryption: a forged token with the shared kid is rejected', async () => {
    const other = onSecp256k1('key-1');
    publish(server, [key, { ...other, jwk: { ...other.jwk, use: 'enc', alg: 'ECDH-ES' } }]);
    expect(await filtered().judge(await stranger.sign())).toBe('bad_signature');
  });

  it('has its tokens rejected if "algorithms" does not name their algorithm', async () => {
    const other = onSecp256k1('key-2');
    publish(server, [key, other]);
    expect(await filtered({ algorithms: ['ES256'] }).judge(await other.sign())).toBe('bad_signature');
    expect(server.introspections).toEqual([]);
  });

  it('has its tokens rejected if their "crit" is not supported, and introspected last if it is', async () => {
    const other = onSecp256k1('key-2');
    publish(server, [key, other]);
    const { judge } = filtered();
    expect(await judge(await other.sign({}, { pledge: true, crit: ['pledge'] }))).toBe('bad_signature');
    expect(server.introspections).toEqual([]);
    expect(await priorityOf(judge, await other.sign({}, { b64: true, crit: ['b64'] }))).toBe('low');
  });
});

it('a token without a kid is verified with each key, even if the keys have one', async () => {
  publish(server, [stranger, key]);
  const introspect = vi.spyOn(IntrospectionClient.prototype, 'introspect');
  expect(await filtered().judge(await key.sign({}, { kid: undefined }))).toBe('active');
  expect(introspect.mock.lastCall?.[1]?.priority).toBe('normal');
});

describe('keys without a kid', () => {
  it('are all tried, and a token that none of them signed is introspected last', async () => {
    const nameless = await Promise.all([1, 2, 3].map(() => issuerKey(undefined, { iss: server.origin })));
    publish(server, nameless.slice(0, 2));
    const introspect = vi.spyOn(IntrospectionClient.prototype, 'introspect');
    const { judge } = filtered();
    for (const each of nameless) expect(await judge(await each.sign())).toBe('active');
    expect(introspect.mock.calls.map(([, options]) => options?.priority)).toEqual(['normal', 'normal', 'low']);
  });

  it('and keys that share one kid are all tried', async () => {
    publish(server, [stranger, key]);
    const { judge } = filtered();
    expect(await judge(await key.sign())).toBe('active');
    expect(await judge(await stranger.sign())).toBe('active');
    const other = await issuerKey('key-1', { iss: server.origin });
    expect(await judge(await other.sign())).toBe('bad_signature');
  });
});

describe('while the keys cannot be fetched', () => {
  it.each([
    [
      'the discovery document is missing',
      () => server.at('/.well-known/openid-configuration', respond({ status: 404 })),
    ],
    [
      'it has no jwks_uri',
      () =>
        server.at(
          '/.well-known/openid-configuration',
          json({ issuer: server.origin, introspection_endpoint: server.introspectionEndpoint }),
        ),
    ],
    [
      'it names keys by something else than a URL',
      () => server.at('/.well-known/openid-configuration', json({ issuer: server.origin, jwks_uri: 'keys' })),
    ],
    ['the keys respond with 500', () => server.at('/oauth/v2/keys', respond({ status: 500 }))],
    ['the keys redirect', () => server.at('/oauth/v2/keys', respond({ status: 302, headers: { location: '/' } }))],
    [
      'the keys are a page',
      () => server.at('/oauth/v2/keys', respond({ headers: { 'content-type': 'text/html' }, body: '{"keys":[]}' })),
    ],
    ['the keys are not a JWK Set', () => server.at('/oauth/v2/keys', json({ keys: 'none' }))],
    ['the JWK Set has no keys', () => server.at('/oauth/v2/keys', json({}))],
  ])('(%s) no token is rejected because of its signature', async (_, breakIt) => {
    breakIt();
    const { judge } = filtered({}, { introspectionEndpoint: server.introspectionEndpoint });
    expect(await judge(await key.sign())).toBe('active');
    expect(await judge(await stranger.sign())).toBe('active');
    expect(await judge(await stranger.sign({ exp: clocks.in(-1) }))).toBe('expired');
  });

  it.each([[{ keys: 'none' }], [{}], [{ keys: [1] }], [{ keys: [null] }]])(
    'an event is emitted for %j, which is not a JWK Set',
    async (keySet) => {
      server.at('/oauth/v2/keys', json(keySet));
      const { judge, events } = filtered();
      expect(await judge(await stranger.sign())).toBe('active');
      expect(events).toContainEqual({ type: 'jwks_failed' });
    },
  );

  it('an event is emitted, and one fetch is tried per cooldown', async () => {
    server.at('/oauth/v2/keys', respond({ status: 500 }));
    const { judge, events, authorizer } = filtered({ cooldownSeconds: 5 });
    for (let i = 0; i < 4; i++) await judge(await stranger.sign());
    expect(keyFetches(server)).toBe(1);
    expect(events.filter(({ type }) => type === 'jwks_failed')).toEqual([{ type: 'jwks_failed' }]);
    expect(authorizer.stats().lookups.jwks_failed).toBe(1);
    clocks.pass(5);
    publish(server, [key]);
    expect(await judge(await stranger.sign())).toBe('bad_signature');
  });

  it('the previous keys stay in use', async () => {
    const { judge } = filtered();
    await judge(await key.sign());
    server.at('/oauth/v2/keys', respond({ status: 500 }));
    clocks.pass(900);
    expect(await judge(await stranger.sign())).toBe('bad_signature');
    await server.introspection(1);
    expect(await judge(await key.sign())).toBe('active');
  });

  it('because the fetch hangs, a request waits for a part of its attempt and is then introspected', async () => {
    server.at('/oauth/v2/keys', hangBeforeHeaders());
    const { judge } = filtered({}, { timeoutMs: 10_000, retry: { attempts: 1, attemptTimeoutMs: 800 } });
    expect(await judge(await stranger.sign())).toBe('active');
    expect(await judge(await stranger.sign())).toBe('active');
    expect(keyFetches(server)).toBe(1);
  });
});

describe('the keys', () => {
  it("are fetched by the client's own transport, with its headers", async () => {
    const { judge } = filtered({}, { headers: { 'x-tenant': 'acme' } });
    await judge(await key.sign());
    for (const request of server.requests) expect(request.field('x-tenant')).toEqual(['acme']);
    expect(server.requests.find(({ url }) => url === '/oauth/v2/keys')?.field('accept')).toEqual([
      'application/json, application/jwk-set+json',
    ]);
  });

  it('may have the media type application/jwk-set+json', async () => {
    server.at(
      '/oauth/v2/keys',
      respond({ headers: { 'content-type': 'application/jwk-set+json' }, body: JSON.stringify({ keys: [key.jwk] }) }),
    );
    expect(await filtered().judge(await stranger.sign())).toBe('bad_signature');
  });

  it('are fetched by one request at a time, even if a fetch takes longer than the cooldown', async () => {
    const held = Promise.withResolvers<Readonly<Record<string, unknown>>>();
    const fetchKeys = vi.fn(() => held.promise);
    const { now, monotonicNow } = clocks;
    const context = { issuer: server.origin, now, monotonicNow, invalidReason: () => undefined, fetchKeys };
    const prefilter = jwtPrefilter({ cooldownSeconds: 5 });
    const first = prefilter(await key.sign(), context);
    await vi.waitFor(() => expect(fetchKeys).toHaveBeenCalledOnce());
    clocks.pass(6);
    const second = prefilter(await key.sign({ jti: '2' }), context);
    await eventLoopTurns();
    held.resolve({ keys: [key.jwk] });
    expect(await Promise.all([first, second])).toEqual(['introspect', 'introspect']);
    expect(fetchKeys).toHaveBeenCalledOnce();
  });

  it('are separate for two authorizers that share one prefilter', async () => {
    const other = await startScriptedServer();
    other.always(active());
    const theirs = await issuerKey('key-1', { iss: other.origin });
    publish(other, [theirs]);
    const prefilter = jwtPrefilter();
    const ours = filtered({}, { prefilter });
    const others = filtered({}, { prefilter, issuer: other.origin });
    expect(await ours.judge(await key.sign())).toBe('active');
    expect(await others.judge(await theirs.sign())).toBe('active');
    expect(await others.judge(await key.sign({ iss: other.origin }))).toBe('bad_signature');
    await other.close();
  });

  it('on workerd are fetched for each request, because requests cannot share a promise', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    server.at('/oauth/v2/keys', hangBeforeHeaders());
    const { judge } = filtered({}, { timeoutMs: 10_000, retry: { attempts: 1, attemptTimeoutMs: 800 } });
    const first = judge(await stranger.sign());
    await vi.waitFor(() => expect(keyFetches(server)).toBe(1), 60_000);
    expect(await judge(await key.sign())).toBe('active');
    expect(await first).toBe('active');
  });
});

it('a request on workerd does not wait for the keys that another request fetches', async () => {
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
  const held = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  const fetchKeys = vi.fn(() => held.promise);
  const { now, monotonicNow } = clocks;
  const context = { issuer: server.origin, now, monotonicNow, invalidReason: () => undefined, fetchKeys };
  const prefilter = jwtPrefilter();
  const first = prefilter(await key.sign(), context);
  await vi.waitFor(() => expect(fetchKeys).toHaveBeenCalledOnce(), 60_000);
  expect(await prefilter(await stranger.sign(), context)).toBe('introspect');
  held.resolve({ keys: [key.jwk] });
  expect(await first).toBe('introspect');
  expect(await prefilter(await stranger.sign(), context)).toEqual({ reject: 'bad_signature' });
  expect(fetchKeys).toHaveBeenCalledOnce();
});

describe('the options of jwtPrefilter', () => {
  it.each([
    [{ algorithms: ['none'] }, '"algorithms.0" must be asymmetric: RS256'],
    [{ algorithms: ['HS256'] }, '"algorithms.0" must be asymmetric: RS256'],
    [{ algorithms: [] }, '"algorithms" must name at least one algorithm'],
    [{ algorithms: 'RS256' }, '"algorithms" must be a list of algorithms'],
    [{ cooldownSeconds: 0 }, '"cooldownSeconds" must be more than 0'],
    [{ cooldownSeconds: '1' }, '"cooldownSeconds" must be a number of seconds'],
    [{ cooldownSeconds: Number.POSITIVE_INFINITY }, '"cooldownSeconds" must be finite'],
    [{ issuer: 'https://as.example' }, 'unknown option "issuer"; known options: algorithms, cooldownSeconds'],
  ])('%j are rejected: %s', (options, message) => {
    expect(() => jwtPrefilter(options as never)).toThrow(`jwtPrefilter: ${message}`);
    expect(() => jwtPrefilter(options as never)).toThrow(TypeError);
  });

  it('require an authorizer with an issuer', () => {
    const options = { introspectionEndpoint: server.introspectionEndpoint, clientId: 'a', clientSecret: 'b' };
    expect(() => new Authorizer({ ...options, prefilter: jwtPrefilter() })).toThrow(
      'Authorizer: "issuer" is needed by this "prefilter"',
    );
  });
});
