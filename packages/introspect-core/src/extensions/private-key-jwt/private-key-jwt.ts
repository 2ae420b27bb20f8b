/** `private_key_jwt` (OpenID Connect Core §9, RFC 7523 §2.2): this API proves itself by a key instead of a secret. */
import type { ClientAuthentication } from '@acme/introspect-core';
import { base64url, importPKCS8, SignJWT } from 'jose';
import * as v from 'valibot';
import { checkedOptions, credentialProblem, optionsObject } from '../../options.js';
import { sharesPromises } from '../../runtime/workerd.js';

/** An application's key file, as ZITADEL hands it out. */
export interface KeyFile {
  readonly type: 'application';
  readonly keyId: string;
  /** PEM. */
  readonly key: string;
  readonly clientId: string;
}

export type KeyAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

export interface AssertionOptions {
  /**
   * For how many seconds one assertion is used for all requests; 0, a new one for each, unless a key file is given, then
   * 180. At most 3000. Only for servers that permit a second use.
   */
  reuseSeconds?: number;
  /** Milliseconds since the epoch; `Date.now` unless given. */
  now?: () => number;
  /** Milliseconds that never go back; `performance.now` unless given. */
  monotonicNow?: () => number;
}

export interface KeyFileOptions extends AssertionOptions {
  /** As downloaded: the object, or its JSON. `undefined`, `''` or `"undefined"` throws a TypeError. */
  keyFile: KeyFile | string | undefined;
}

export interface PrivateKeyOptions extends AssertionOptions {
  /** May be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError. */
  clientId: string | undefined;
  keyId: string;
  algorithm: KeyAlgorithm;
  /** PEM, PKCS#8 or (RSA) PKCS#1. */
  privateKey: string;
}

export interface SignerOptions extends AssertionOptions {
  /** May be read from the environment: `undefined`, `''` or `"undefined"` throws a TypeError. */
  clientId: string | undefined;
  keyId: string;
  algorithm: KeyAlgorithm;
  /** Signs where the key is, such as in a KMS: the JWS signature (RFC 7518 §3) of these bytes. */
  sign: (input: Uint8Array) => Promise<Uint8Array>;
}

type Claims = Readonly<Record<string, string | number>>;
type Sign = (claims: Claims) => Promise<string>;

interface Assertion {
  readonly jwt: string;
  readonly issuer: string;
  readonly signedAt: number;
  readonly issuedAt: number;
}

/** How a client proves itself, from whichever options. */
interface Signing {
  readonly clientId: string;
  readonly sign: Sign;
  readonly reuseSeconds: number;
  readonly now: () => number;
  readonly monotonicNow: () => number;
}

const algorithms: readonly KeyAlgorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const owner = 'privateKeyJwt';
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** A server's clock may be behind ours; ZITADEL takes an `iat` of at most 1 s in its future. */
const backdatedSeconds = 5;
/** How long an assertion lives once it is used for the last time. */
const lifeSeconds = 60;
const keyFileReuseSeconds = 180;
const maxReuseSeconds = 3000;
/** For so long others wait for a signature that is being made: a function that signs may hang. */
const maxWaitMs = 1000;

const algorithmMessage = `must be one of ${algorithms.join(', ')}`;
const textMessage = 'must be a string that is not empty';
const secondsMessage = `must be a number of seconds, at least 0 and at most ${maxReuseSeconds}`;
const isFunction = (value: unknown) => typeof value === 'function';

const credentialMessage = `${textMessage}, and not "undefined": is an environment variable unset?`;

/** Needed: what is absent is empty. */
const text = v.optional(
  v.pipe(v.string(credentialMessage), v.nonEmpty(credentialMessage), v.notValue('undefined', credentialMessage)),
  '',
);
const keyEntries = {
  clientId: text,
  keyId: text,
  algorithm: v.optional(v.pipe(v.string(algorithmMessage), v.picklist(algorithms, algorithmMessage)), ''),
};
const assertionEntries = (reuseSeconds: number) => ({
  reuseSeconds: v.optional(
    v.pipe(v.number(secondsMessage), v.minValue(0, secondsMessage), v.maxValue(maxReuseSeconds, secondsMessage)),
    reuseSeconds,
  ),
  now: v.optional(v.custom<() => number>(isFunction, 'must be a function'), () => Date.now),
  monotonicNow: v.optional(v.custom<() => number>(isFunction, 'must be a function'), () => () => performance.now()),
});
const keyFileOptions = optionsObject({ keyFile: v.unknown(), ...assertionEntries(keyFileReuseSeconds) });
const privateKeyOptions = optionsObject({ ...keyEntries, privateKey: text, ...assertionEntries(0) });
const signerOptions = optionsObject({
  ...keyEntries,
  sign: v.custom<SignerOptions['sign']>(isFunction, 'must be a function'),
  ...assertionEntries(0),
});

/**
 * Proves this client by a signed assertion, whose audience is the issuer: the client's option `issuer` is needed.
 *
 * That a key is one for its algorithm is not checked here: it is imported when it is first used.
 *
 * @throws TypeError naming what is wrong with the options; never with a part of the key
 */
export function privateKeyJwt(options: KeyFileOptions | PrivateKeyOptions | SignerOptions): ClientAuthentication {
  const { clientId, sign, reuseSeconds, now, monotonicNow } = signingOf(options);
  let shared: Assertion | undefined;
  let beingSigned:
    | { readonly issuer: string; readonly since: number; readonly assertion: Promise<Assertion> }
    | undefined;

  async function assertionFor(issuer: string): Promise<Assertion> {
    const [signedAt, issuedAt] = [monotonicNow(), now()];
    const seconds = Math.floor(issuedAt / 1000);
    const jwt = await sign({
      iss: clientId,
      sub: clientId,
      aud: issuer,
      jti: crypto.randomUUID(),
      iat: seconds - backdatedSeconds,
      exp: seconds + Math.ceil(reuseSeconds) + lifeSeconds,
    });
    const assertion = { jwt, issuer, signedAt, issuedAt };
    if (reuseSeconds > 0 && !(shared !== undefined && shared.signedAt > signedAt)) shared = assertion;
    return assertion;
  }

  /** One for all who ask meanwhile, where it is for more than one request. */
  function nextAssertion(issuer: string): Promise<Assertion> {
    const since = monotonicNow();
    if (beingSigned?.issuer === issuer && since - beingSigned.since < maxWaitMs) return beingSigned.assertion;
    const assertion = assertionFor(issuer).finally(() => {
      if (beingSigned?.assertion === assertion) beingSigned = undefined;
    });
    if (reuseSeconds > 0 && sharesPromises()) beingSigned = { issuer, since, assertion };
    return assertion;
  }

  /** Young by both clocks: one of them may have been set. */
  function isYoung({ signedAt, issuedAt }: Assertion): boolean {
    const byWall = now() - issuedAt;
    return monotonicNow() - signedAt < reuseSeconds * 1000 && byWall >= 0 && byWall < reuseSeconds * 1000;
  }

  return {
    clientId,
    needsIssuer: true,
    async apply({ body }, { issuer = '', afterRejection }) {
      const isGood = shared?.issuer === issuer && !afterRejection && isYoung(shared);
      const { jwt } = isGood && shared !== undefined ? shared : await nextAssertion(issuer);
      body.append('client_assertion_type', assertionType);
      body.append('client_assertion', jwt);
    },
  };
}

function signingOf(options: unknown): Signing {
  const sources = ['keyFile', 'sign', 'privateKey'].filter((name) => name in Object(options));
  if (sources.length > 1) throw problem(`"${sources[0]}" stands instead of "${sources[1]}": give one or the other`);
  if (sources[0] === 'keyFile') {
    const { keyFile, ...rest } = checkedOptions(owner, keyFileOptions, options);
    const { clientId, keyId, key } = readKeyFile(keyFile);
    return { clientId, sign: signerByKey(key, { keyId, algorithm: 'RS256', option: 'keyFile' }), ...rest };
  }
  if (sources[0] === 'sign') {
    const { keyId, algorithm, sign, ...rest } = checkedOptions(owner, signerOptions, options);
    return { sign: signerByFunction(sign, { keyId, algorithm }), ...rest };
  }
  const { keyId, algorithm, privateKey, ...rest } = checkedOptions(owner, privateKeyOptions, options);
  return { sign: signerByKey(privateKey, { keyId, algorithm, option: 'privateKey' }), ...rest };
}

/** The key is imported once, at first use. It is kept as a value: on workerd no promise may be shared. */
function signerByKey(
  pem: string,
  { keyId, algorithm, option }: { keyId: string; algorithm: KeyAlgorithm; option: string },
): Sign {
  const pkcs8 = pkcs8Of(pem, option);
  let key: CryptoKey | undefined;
  return async (claims) => {
    key ??= await importPKCS8(pkcs8, algorithm);
    return new SignJWT(claims).setProtectedHeader(headerOf(keyId, algorithm)).sign(key);
  };
}

function signerByFunction(
  sign: SignerOptions['sign'],
  { keyId, algorithm }: { keyId: string; algorithm: KeyAlgorithm },
): Sign {
  return async (claims) => {
    const parts = [headerOf(keyId, algorithm), claims].map((part) => base64url.encode(JSON.stringify(part)));
    const input = parts.join('.');
    return `${input}.${base64url.encode(await sign(new TextEncoder().encode(input)))}`;
  };
}

function headerOf(keyId: string, algorithm: KeyAlgorithm) {
  return { typ: 'client-authentication+jwt', alg: algorithm, kid: keyId };
}

function readKeyFile(given: unknown): KeyFile {
  const unset = credentialProblem(given);
  if (unset !== undefined) throw problem(`"keyFile" ${unset}`);
  const file = typeof given === 'string' ? parsed(given) : given;
  const { type, keyId, key, clientId } = Object(file) as Record<string, unknown>;
  if (type === 'serviceaccount') {
    throw problem(
      '"keyFile" is that of a service user ("serviceaccount"): an API proves itself by the key of its application, ' +
        'so download that one ("application") where the API is registered',
    );
  }
  if (type !== 'application')
    throw problem('"keyFile" must be the key file of an application, as downloaded, or its JSON');
  checkText('keyFile.keyId', keyId);
  checkText('keyFile.key', key);
  checkText('keyFile.clientId', clientId);
  return { type, keyId, key, clientId };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw problem('"keyFile" is a text that is not JSON: give the content of the file, not its path');
  }
}

/**
 * The key alone, without what `openssl` writes around it: PKCS#8 as it is; PKCS#1 (RFC 8017 §A.1.2), which WebCrypto
 * cannot import, put into it (RFC 5958 §2).
 */
function pkcs8Of(pem: string, option: string): string {
  const [, label, body = ''] =
    /-----BEGIN ((?:RSA )?PRIVATE KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----/.exec(pem) ?? [];
  if (label === undefined) {
    throw problem(
      `"${option}" must hold a private key as PEM, "PRIVATE KEY" (PKCS#8) or "RSA PRIVATE KEY" (PKCS#1), not encrypted: ` +
        'openssl pkcs8 -topk8 -nocrypt makes one of others',
    );
  }
  const key = bytesOf(body, option);
  const version = [0x02, 0x01, 0x00];
  const rsaEncryption = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
  const info = label === 'PRIVATE KEY' ? key : der(0x30, [...version, ...rsaEncryption, ...der(0x04, key)]);
  const base64 = btoa(String.fromCharCode(...info));
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----`;
}

function bytesOf(base64: string, option: string): number[] {
  try {
    return Array.from(atob(base64.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0));
  } catch {
    throw problem(`"${option}" holds a private key whose base64 is broken: was it cut off, or copied in part?`);
  }
}

/** A value with its tag and length before it (X.690 §8.1). */
function der(tag: number, value: readonly number[]): number[] {
  const { length } = value;
  if (length < 0x80) return [tag, length, ...value];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [tag, 0x80 + bytes.length, ...bytes, ...value];
}

function checkText(option: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') throw problem(`"${option}" ${textMessage}`);
}

function problem(what: string): TypeError {
  return new TypeError(`${owner}: ${what}`);
}
