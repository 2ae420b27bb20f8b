import { generateKeyPairSync, type KeyObject, sign as nodeSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { active, json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keyProblem } from '../../src/extensions/private-key-jwt/key-problem.js';
import {
  type AssertionOptions,
  type KeyAlgorithm,
  privateKeyJwt,
} from '../../src/extensions/private-key-jwt/private-key-jwt.js';
import { IntrospectionClient } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';

const { rules: vector } = JSON.parse(
  readFileSync(new URL('../vectors/client-assertion.json', import.meta.url), 'utf8'),
);

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pkcs1 = rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const pkcs8Of = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
/** Adds a certificate and text around the key, as `openssl pkcs12 -nodes` does. */
const bagged = (pem: string) =>
  [
    'Bag Attributes\n    friendlyName: api\nsubject=CN = api',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    'Bag Attributes\n    localKeyID: 01 02 03\nKey Attributes: <No Attributes>',
    pem,
  ].join('\n');
const keyJson = {
  type: 'application',
  keyId: '81693565968962154',
  key: pkcs1,
  appId: '7',
  clientId: 'api@acme',
} as const;

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active());
  clocks = new Clocks();
});
afterEach(() => server.close());

const clientOf = (clientAuthentication: ReturnType<typeof privateKeyJwt>) =>
  new IntrospectionClient({ issuer: server.origin, clientAuthentication, retry: { attempts: 1 } });

/** Verifies the signature of an assertion that the server received, and returns the parts of the request. */
async function verified(publicKey: KeyObject, index = -1) {
  const request = server.introspections.at(index);
  const { form } = request ?? {};
  const jwt = form?.get('client_assertion') ?? '';
  const options = {
    currentDate: new Date(clocks.wallMs),
    issuer: 'api@acme',
    subject: 'api@acme',
    audience: server.origin,
  };
  const { payload } = await jwtVerify(jwt, publicKey, options);
  return { jwt, payload, header: decodeProtectedHeader(jwt), form, authorization: request?.field('authorization') };
}

describe('an assertion', () => {
  it('has the header and claims of the standard and the vectors, and is the only credential', async () => {
    await clientOf(privateKeyJwt({ keyJson, now: clocks.now })).introspect('token');
    const { payload, header, form, authorization } = await verified(rsa.publicKey);
    expect(header).toEqual({ typ: vector.header.typ, alg: 'RS256', kid: keyJson.keyId });
    expect(Object.keys(payload).sort()).toEqual(Object.keys(vector.claims).sort());
    expect(payload).toMatchObject({ iss: keyJson.clientId, sub: keyJson.clientId, aud: server.origin });
    expect(payload.iat).toBe(clocks.wallMs / 1000 - 5);
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(300);
    expect(form?.getAll('client_assertion_type')).toEqual([vector.form.client_assertion_type]);
    expect(String(form)).toContain(vector.formExample);
    expect(form?.getAll('client_assertion')).toHaveLength(1);
    expect(form?.getAll('client_id')).toEqual([keyJson.clientId]); // Spring Authorization Server requires it
    expect([form?.has('client_secret'), authorization]).toEqual([false, []]);
    expect(form?.get('token')).toBe('token');
  });

  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  it.each<[KeyAlgorithm, KeyObject, string]>([
    ['RS256', rsa.publicKey, pkcs1],
    ['RS256', rsa.publicKey, pkcs8Of(rsa.privateKey)],
    ['RS256', rsa.publicKey, `\r\n${pkcs1.replaceAll('\n', '\r\n')}\r\n`],
    ['PS256', rsa.publicKey, pkcs1],
    ['RS256', rsa.publicKey, bagged(pkcs8Of(rsa.privateKey))],
    ['RS256', rsa.publicKey, bagged(pkcs1)],
    ['ES256', ec.publicKey, pkcs8Of(ec.privateKey)],
    ['EdDSA', ed.publicKey, pkcs8Of(ed.privateKey)],
  ])('is signed by %s', async (algorithm, publicKey, privateKey) => {
    const options = { clientId: 'api@acme', keyId: 'k', algorithm, privateKey, now: clocks.now };
    await clientOf(privateKeyJwt(options)).introspect('token');
    expect((await verified(publicKey)).header).toMatchObject({ alg: algorithm, kid: 'k' });
  });

  it('is signed by a function, so that the key can be in a KMS', async () => {
    const sign = vi.fn(async (input: Uint8Array) => new Uint8Array(nodeSign('sha256', input, rsa.privateKey)));
    const options = { clientId: 'api@acme', keyId: 'k', algorithm: 'RS256', sign, now: clocks.now } as const;
    await clientOf(privateKeyJwt(options)).introspect('token');
    expect((await verified(rsa.publicKey)).payload.iss).toBe('api@acme');
    expect(sign).toHaveBeenCalledTimes(1);
  });

  it('that cannot be signed makes the request fail as unavailable, without the cause in the error', async () => {
    const sign = () => Promise.reject(new Error('canary'));
    const client = clientOf(privateKeyJwt({ clientId: 'c', keyId: 'k', algorithm: 'RS256', sign }));
    const error = await client.introspect('token').catch((fault: unknown) => fault);
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(String(error)).not.toContain('canary');
    expect(server.introspections).toHaveLength(0);
  });
});

describe('reuse', () => {
  const privateKey = { clientId: 'api@acme', keyId: 'k', algorithm: 'RS256', privateKey: pkcs1 } as const;
  /** Returns how many assertions are created for one request more than there are steps between them. */
  async function assertionsOf(authentication: object, between: (() => void)[]) {
    const options = { ...authentication, now: clocks.now, monotonicNow: clocks.monotonicNow } as never;
    const client = clientOf(privateKeyJwt(options));
    await client.introspect('token');
    for (const step of between) {
      step();
      await client.introspect('token');
    }
    return new Set(server.introspections.map(({ form }) => form.get('client_assertion'))).size;
  }

  it('is off by default: each request has its own assertion, with its own jti', async () => {
    expect(await assertionsOf(privateKey, [() => {}, () => {}])).toBe(3);
    const jtis = await Promise.all([0, 1, 2].map(async (i) => (await verified(rsa.publicKey, i)).payload.jti));
    expect(new Set(jtis).size).toBe(3);
  });

  it.each<[string, AssertionOptions, object, number]>([
    ['with a key file', {}, { keyJson }, 180],
    ['with reuseSeconds', { reuseSeconds: 60 }, privateKey, 60],
    ['with a fraction of a second', { reuseSeconds: 0.5 }, privateKey, 0.5],
  ])('%s lasts exactly as long as configured', async (_, options, key, seconds) => {
    const pass = (part: number) => () => clocks.pass(part);
    expect(await assertionsOf({ ...key, ...options }, [pass(seconds - 0.001), pass(0.001)])).toBe(2);
    const [first, second, third] = server.introspections.map(({ form }) => form.get('client_assertion'));
    expect([first === second, second === third]).toEqual([true, false]);
  });

  it('uses each new assertion again, and not only the first', async () => {
    const pass = (seconds: number) => () => clocks.pass(seconds);
    expect(await assertionsOf({ keyJson }, [pass(180), pass(179), pass(1), pass(179)])).toBe(3);
  });

  it('creates assertions that stay valid for a minute after their last use', async () => {
    await assertionsOf({ keyJson }, [() => clocks.pass(179.9)]);
    const { payload } = await verified(rsa.publicKey);
    expect((payload.exp ?? 0) * 1000 - clocks.wallMs).toBeGreaterThan(59_000);
  });

  it.each([
    ['forward', 3600],
    ['back', -3600],
  ])('ends when the wall clock is set %s', async (_, seconds) => {
    expect(await assertionsOf({ keyJson }, [() => clocks.stepWall(seconds)])).toBe(2);
  });

  it('ends when the server rejects the assertion: a new one is tried once', async () => {
    server.next(json({ error: 'unauthorized_client' }, { status: 400 }));
    expect(await assertionsOf({ keyJson }, [])).toBe(2);
    expect(server.introspections).toHaveLength(2);
  });

  describe('by concurrent requests', () => {
    afterEach(() => vi.unstubAllGlobals());
    const context = (afterRejection = false) => ({ issuer: server.origin, endpoint: server.origin, afterRejection });
    /** Returns an authentication whose signatures wait for `release`, which has one entry per signature. */
    function held(reuseSeconds = 60) {
      const release: ((signature: Uint8Array | Promise<never>) => void)[] = [];
      const sign = () => new Promise<Uint8Array>((resolve) => release.push(resolve));
      const { now, monotonicNow } = clocks;
      const key = { clientId: 'api', keyId: 'k', algorithm: 'RS256', sign } as const;
      const authentication = privateKeyJwt({ ...key, reuseSeconds, now, monotonicNow });
      async function apply(afterRejection?: boolean): Promise<string> {
        const body = new URLSearchParams();
        await authentication.apply({ headers: {}, body }, context(afterRejection));
        return body.get('client_assertion') ?? '';
      }
      return { release, apply, applyAll: (count: number) => Promise.all(Array.from({ length: count }, () => apply())) };
    }

    it('uses one signature for all, including a retry after a rejection', async () => {
      const { release, apply, applyAll } = held();
      const pending = [applyAll(300), apply(true).then((one) => [one])];
      expect(release).toHaveLength(1);
      release[0]?.(new Uint8Array(8));
      expect(new Set((await Promise.all(pending)).flat()).size).toBe(1);
      await apply();
      expect(release).toHaveLength(1);
    });

    it('signs once per request if reuse is off', async () => {
      const { release, applyAll } = held(0);
      const pending = applyAll(3);
      expect(release).toHaveLength(3);
      for (const each of release) each(new Uint8Array(8));
      expect(new Set(await pending).size).toBe(3);
    });

    it('shares no promise on workerd, but shares a finished signature', async () => {
      vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
      const { release, apply, applyAll } = held();
      const pending = applyAll(3);
      expect(release).toHaveLength(3);
      for (const each of release) each(new Uint8Array(8));
      await pending;
      await apply();
      expect(release).toHaveLength(3);
    });

    it('does not reuse a failure', async () => {
      const { release, apply } = held();
      const failed = apply();
      release[0]?.(Promise.reject(new Error('no')));
      await expect(failed).rejects.toThrow('no');
      const pending = apply();
      release[1]?.(new Uint8Array(8));
      expect(await pending).not.toBe('');
    });

    it('waits a second for a signature that hangs, which then does not replace a newer one', async () => {
      const { release, apply } = held();
      const first = apply();
      clocks.pass(0.999);
      apply();
      expect(release).toHaveLength(1);
      clocks.pass(0.001);
      const second = apply();
      expect(release).toHaveLength(2);
      release[1]?.(new Uint8Array(8));
      const newer = await second;
      release[0]?.(new Uint8Array(8));
      expect(await first).not.toBe(newer);
      expect(await apply()).toBe(newer);
    });
  });

  it('can be turned off with a key file', async () => {
    expect(await assertionsOf({ keyJson, reuseSeconds: 0 }, [() => {}])).toBe(2);
  });
});

describe('the options of privateKeyJwt', () => {
  const signer = { clientId: 'c', keyId: 'k', algorithm: 'RS256' };
  const key = { ...signer, privateKey: pkcs1 };
  const broken = (pem: string) => pem.replace('KEY-----\n', 'KEY-----\ncanary=');

  it('require a client with an issuer', () => {
    const { introspectionEndpoint } = server;
    const clientAuthentication = privateKeyJwt({ keyJson });
    expect(() => new IntrospectionClient({ introspectionEndpoint, clientAuthentication })).toThrow(
      'IntrospectionClient: "issuer" is needed by this "clientAuthentication"',
    );
  });

  it('accept a key file as a JSON string', () => {
    expect(privateKeyJwt({ keyJson: JSON.stringify(keyJson) })).toMatchObject({
      clientId: 'api@acme',
      needsIssuer: true,
    });
  });

  it.each<[unknown, string]>([
    [undefined, 'the options must be an object'],
    [{ keyJson: 'key.json' }, '"keyJson" is a string that is not JSON: give the content of the key file, not its path'],
    [
      { keyJson: { ...keyJson, type: 'serviceaccount' } },
      '"keyJson" is the key of a service user ("serviceaccount"): an API needs the key of its application, ' +
        'so download that one ("application") where the API is registered',
    ],
    [{ keyJson: undefined }, '"keyJson" is undefined: is an environment variable unset?'],
    [{ keyJson: '' }, '"keyJson" must not be empty: is an environment variable unset?'],
    [{ keyJson: 'undefined' }, '"keyJson" must not be the string "undefined": is an environment variable unset?'],
    ...[undefined, '', 'undefined'].flatMap((unset): [unknown, string][] => [
      [{ ...key, clientId: unset }, '"clientId" must be a string that is not empty, and not "undefined": is an env'],
      [{ ...key, privateKey: unset }, '"privateKey" must be a string that is not empty, and not "undefined": is an'],
    ]),
    [{ keyJson: null }, '"keyJson" must be the content of an application\'s key file'],
    [{ keyJson: { ...keyJson, clientId: 5 } }, '"keyJson.clientId" must be a string that is not empty'],
    [{ keyJson: { ...keyJson, keyId: '' } }, '"keyJson.keyId" must be a string'],
    [{ keyJson: { ...keyJson, key: undefined } }, '"keyJson.key" must be a string'],
    [{ keyJson: { ...keyJson, key: 'canary' } }, '"keyJson" must hold a private key as PEM'],
    [{ ...key, privateKey: pkcs1.replaceAll('RSA PRIVATE', 'PUBLIC') }, '"privateKey" must hold a private key as PEM'],
    [{ ...key, privateKey: '' }, '"privateKey" must be a string'],
    [{ ...key, clientId: '' }, '"clientId" must be a string'],
    [{ ...key, keyId: undefined }, '"keyId" must be a string'],
    [{ ...key, algorithm: 'HS256' }, '"algorithm" must be one of RS256, PS256, ES256, EdDSA'],
    [{ ...key, algorithm: 'none' }, '"algorithm" must be one of'],
    [{ ...signer, sign: 'x' }, '"sign" must be a function'],
    [{ ...key, sign: async () => new Uint8Array() }, 'use either "sign" or "privateKey", not both'],
    [{ ...key, keyJson }, 'use either "keyJson" or "privateKey", not both'],
    [{ ...key, privateKey: undefined }, '"privateKey" must be a string that is not empty'],
    [signer, '"privateKey" must be a string that is not empty'],
    [
      { ...key, reuseSecond: 9 },
      'unknown option "reuseSecond"; known options: clientId, keyId, algorithm, privateKey, reuseS',
    ],
    [
      { ...signer, sign: async () => new Uint8Array(), issuer: 'x' },
      'unknown option "issuer"; known options: clientId, keyId',
    ],
    [{ keyJson, clientId: 'c' }, 'unknown option "clientId"; known options: keyJson, reuseSeconds, now, monotonicNow'],
    [[key], 'the options must be an object'],
    [{ ...key, now: 5 }, '"now" must be a function'],
    [{ ...key, monotonicNow: null }, '"monotonicNow" must be a function'],
    [{ ...key, privateKey: broken(pkcs1) }, '"privateKey" holds a private key whose base64 is broken'],
    [
      { ...key, privateKey: broken(pkcs8Of(rsa.privateKey)) },
      '"privateKey" holds a private key whose base64 is broken',
    ],
    [{ keyJson: { ...keyJson, key: broken(pkcs1) } }, '"keyJson" holds a private key whose base64 is broken'],
    [{ ...key, reuseSeconds: -1 }, '"reuseSeconds" must be a number of seconds'],
    [{ ...key, reuseSeconds: 3001 }, '"reuseSeconds" must be a number of seconds, at least 0 and at most 3000'],
    [{ ...key, reuseSeconds: Number.NaN }, '"reuseSeconds" must be'],
  ])('are rejected if invalid, without a part of the key in the message (%#)', (options, message) => {
    const create = () => privateKeyJwt(options as never);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(`privateKeyJwt: ${message}`);
    expect(create).not.toThrow(/canary|BEGIN/);
  });
});

describe('a key that cannot sign', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
  const brainpool = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey;
  const ed448 = generateKeyPairSync('ed448').privateKey;
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey;
  const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey;
  const withKey = (algorithm: KeyAlgorithm, privateKey: string) =>
    privateKeyJwt({ clientId: 'api', keyId: 'k', algorithm, privateKey });
  /** Returns a PEM whose bytes `change` has changed. */
  const changed = (pem: string, change: (bytes: Buffer) => Buffer) => {
    const base64 = pem.replaceAll(/-----[^-]+-----|\s/g, '');
    const bytes = change(Buffer.from(base64, 'base64'));
    return `-----BEGIN PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END PRIVATE KEY-----`;
  };

  it.each<[KeyAlgorithm, KeyObject, string]>([
    [
      'RS256',
      small,
      'holds an RSA key of 1024 bits, and RS256 needs at least 2048 (RFC 7518 §3.3): create a larger key',
    ],
    ['PS256', small, 'holds an RSA key of 1024 bits, and PS256 needs at least 2048'],
    ['RS256', p256, 'holds an EC key (P-256), and RS256 needs an RSA key: a key of this kind signs with ES256'],
    [
      'ES256',
      rsa.privateKey,
      'holds an RSA key, and ES256 needs an EC key (P-256): a key of this kind signs with RS256',
    ],
    ['ES256', p384, 'holds an EC key (P-384), and ES256 needs an EC key (P-256)'],
    ['ES256', brainpool, 'holds an EC key of another curve, and ES256 needs an EC key (P-256)'],
    ['EdDSA', p256, 'holds an EC key (P-256), and EdDSA needs an Ed25519 key: a key of this kind signs with ES256'],
    ['EdDSA', ed448, 'holds an Ed448 key, and EdDSA needs an Ed25519 key'],
    ['PS256', pss, 'holds an RSA-PSS key, and PS256 needs an RSA key'],
    ['RS256', dsa, 'holds a key of an unknown kind, and RS256 needs an RSA key'],
  ])(
    'throws a TypeError at construction that says why, without a part of the key: %s (%#)',
    (algorithm, key, message) => {
      const pem = pkcs8Of(key);
      const create = () => withKey(algorithm, pem);
      expect(create).toThrow(TypeError);
      expect(create).toThrow(`privateKeyJwt: "privateKey" ${message}`);
      for (const line of pem.split('\n').slice(1, -2)) expect(create).not.toThrow(line.slice(0, 12));
    },
  );

  it('throws a TypeError that names "keyJson" if it is in a key file', () => {
    const key = small.export({ type: 'pkcs1', format: 'pem' }).toString();
    expect(() => privateKeyJwt({ keyJson: { ...keyJson, key } })).toThrow(
      'privateKeyJwt: "keyJson" holds an RSA key of 1024 bits, and RS256 needs at least 2048',
    );
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['was cut off', (bytes) => bytes.subarray(0, 500)],
    ['is empty', () => Buffer.alloc(3)],
    ['is not a sequence', () => Buffer.from([0x02, 0x01, 0x00])],
    ['has a length without bytes', () => Buffer.from([0x30, 0x84])],
  ])('throws a TypeError if it %s', (_, change) => {
    expect(() => withKey('RS256', changed(pkcs8Of(rsa.privateKey), change))).toThrow(
      'privateKeyJwt: "privateKey" holds a private key that cannot be read: was it cut off, or copied in part?',
    );
  });

  it('fails its first request with the reason if its numbers are damaged, and sends and retries nothing', async () => {
    const damaged = changed(pkcs8Of(p256), (bytes) => {
      const key = bytes.indexOf(Buffer.from([0x04, 0x20]), 30) + 2; // the private number of 32 bytes
      return Buffer.concat([bytes.subarray(0, key), Buffer.alloc(32, 0xff), bytes.subarray(key + 32)]);
    });
    const clientAuthentication = withKey('ES256', damaged);
    const client = new IntrospectionClient({ issuer: server.origin, clientAuthentication, retry: { attempts: 3 } });
    const error = await client.introspect('token').catch((fault: unknown) => fault);
    expect(error).toMatchObject({
      code: 'unavailable',
      message:
        'The key in "privateKey" of privateKeyJwt cannot sign with ES256, so no request was sent: ' +
        'it is damaged, or this runtime does not support it. Create a new key',
    });
    expect(server.introspections).toHaveLength(0);
    expect(client.stats().requests).toMatchObject({ unavailable: 1 });
  });
});

it('keyProblem: finds nothing wrong with an RSA key whose content is missing, because it checks kind and size alone', () => {
  const oid = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
  expect(keyProblem([0x30, 0x10, 0x02, 0x01, 0x00, 0x30, 0x0b, ...oid], 'RS256')).toBeUndefined();
});

it('keyProblem: says of an RSA key without a modulus that it has 0 bits', () => {
  const oid = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
  const pkcs8 = [0x30, 0x17, 0x02, 0x01, 0x00, 0x30, 0x0b, ...oid, 0x04, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00];
  expect(keyProblem(pkcs8, 'RS256')).toBe(
    'holds an RSA key of 0 bits, and RS256 needs at least 2048 (RFC 7518 §3.3): create a larger key',
  );
});
