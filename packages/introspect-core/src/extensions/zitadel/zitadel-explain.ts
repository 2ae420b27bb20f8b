/** Why ZITADEL may have called a token inactive: for whoever develops an API, never for its callers. */
import type { InactiveExplanation } from '@acme/introspect-core';
import {
  type CompactVerifyGetKey,
  compactVerify,
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
} from 'jose';
import { fetchDocument, NoDocument } from './issuer-document.js';

export interface ExplainInactiveOptions {
  issuer: string;
  /** This API's. */
  clientId: string;
  /** This API's. */
  projectId?: string | undefined;
  /** Sent along to the issuer, such as `x-zitadel-instance-host`. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since the epoch; `Date.now` unless given. */
  now?: (() => number) | undefined;
}

export type InactiveCause =
  | 'malformed'
  | 'issuer_mismatch'
  | 'bad_signature'
  | 'unknown_key'
  | 'expired'
  | 'not_yet_valid'
  | 'not_an_access_token'
  | 'audience_mismatch'
  | 'revoked'
  | 'opaque';

export interface ZitadelInactiveExplanation extends InactiveExplanation {
  readonly cause: InactiveCause;
}

type Explanation = ZitadelInactiveExplanation;
type RemoteKeys = ReturnType<typeof createRemoteJWKSet>;

const timeoutMs = 3000;
const maxIssuers = 16;
/** By issuer and headers, so that an event for each inactive token does not fetch them each time. */
const keysOf = new Map<string, RemoteKeys>();

/**
 * Says why ZITADEL may have called this token inactive, by what can be read here: a JWT's claims, and its signature by
 * the keys that the issuer publishes. What only the server knows (a revocation, a locked user) is told as a guess.
 *
 * The message may hold the token's issuer, audience and times; the token itself never. It asks the issuer for its
 * discovery document and keys, for 3 s at most each; where they cannot be had, the signature is not checked, and the
 * message says so.
 *
 * @throws TypeError for options that are none
 */
export async function explainInactive(token: string, options: ExplainInactiveOptions): Promise<Explanation> {
  for (const name of ['issuer', 'clientId'] as const) {
    if (typeof options?.[name] !== 'string') throw new TypeError(`explainInactive: "${name}" must be a string`);
  }
  if (typeof token !== 'string') throw new TypeError('explainInactive: the token must be a string');
  const problem = shapeProblem(token);
  if (problem !== undefined) return { cause: 'malformed', ...problem };
  const jwt = readJwt(token);
  if (jwt === undefined) return opaque(options);
  const { alg, claims } = jwt;
  const foreign = otherIssuer(claims, options);
  if (foreign !== undefined) return foreign;
  const signature = issuersAlgorithm.test(String(alg)) ? await signatureOf(token, options) : signedOtherwise;
  if (typeof signature === 'object') return signature;
  const found = wrongTime(claims, options) ?? otherKind(claims) ?? otherAudience(claims, options) ?? onlyTheServerKnows;
  if (signature === 'good') return found;
  return { ...found, message: `${found.message} Its signature was not checked: ${unchecked[signature]}.` };
}

/** What was done to a token on its way here. */
function shapeProblem(token: string): Omit<Explanation, 'cause'> | undefined {
  if (/^bearer\s/i.test(token)) return { message: 'It begins with the word Bearer.', advice: 'Leave the word away.' };
  if (/^\s|\s$/.test(token)) {
    return { message: 'There is white space before or after it, such as a line break.', advice: 'Cut that off.' };
  }
  if (/^["']|["']$/.test(token)) return { message: 'There are quotes around it.', advice: 'Leave them away.' };
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
    return {
      message: 'There are characters in it that no bearer token has (RFC 6750 §2.1).',
      advice: 'Look at how it was copied or decoded.',
    };
  }
  if (/^eyJ/.test(token) && token.split('.').length < 3) {
    return { message: 'It begins like a JWT, and parts of it are missing.', advice: 'Look at where it was cut off.' };
  }
  return undefined;
}

/** `undefined` for what is no signed JWT. */
function readJwt(token: string): { readonly alg: unknown; readonly claims: JWTPayload } | undefined {
  try {
    return { alg: decodeProtectedHeader(token).alg, claims: decodeJwt(token) };
  } catch {
    return undefined;
  }
}

function opaque(options: ExplainInactiveOptions): Explanation {
  return {
    cause: 'opaque',
    message:
      'It is no JWT, so nothing can be read from it. ZITADEL says inactive when it is unknown (from another instance, perhaps), expired, revoked or superseded by a refresh, and when its audience lacks this API.',
    advice: `For the token of a service user, ${scopeAdvice(options)}`,
  };
}

function otherIssuer({ iss }: JWTPayload, { issuer }: ExplainInactiveOptions): Explanation | undefined {
  if (iss === undefined || iss === issuer) return undefined;
  return {
    cause: 'issuer_mismatch',
    message: `It was issued by ${shown(iss)}, and this API asks ${shown(issuer)}.`,
    advice: 'Get a token from that issuer, or configure the one that issued it.',
  };
}

/** What can be made with a private key alone (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). */
const issuersAlgorithm = /^((RS|PS|ES)(256|384|512)|EdDSA|Ed25519)$/;

const signedOtherwise: Explanation = {
  cause: 'bad_signature',
  message: 'It is not signed, or in a way that this issuer does not use.',
  advice: 'Look at where it comes from: this issuer has not made it.',
};

const unchecked = {
  no_keys: "the issuer's keys could not be had",
  unusable_key: "the issuer's key could not be used here",
};

async function signatureOf(
  token: string,
  options: ExplainInactiveOptions,
): Promise<Explanation | 'good' | keyof typeof unchecked> {
  try {
    await verify(token, await keysOfIssuer(options));
    return 'good';
  } catch (error) {
    if (error instanceof errors.JOSENotSupported) return signedOtherwise;
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWSInvalid) {
      return {
        cause: 'bad_signature',
        message: "Its signature is wrong: it was not made by the issuer's key, or the token was changed since.",
        advice: 'Look at how it was copied: one changed or missing character is enough.',
      };
    }
    if (error instanceof errors.JWKSNoMatchingKey) {
      return {
        cause: 'unknown_key',
        message:
          'It is signed by a key that the issuer does not publish (any more): it is old, or from another instance.',
        advice: 'Get a new token.',
      };
    }
    return error instanceof NoDocument || error instanceof errors.JWKSInvalid ? 'no_keys' : 'unusable_key';
  }
}

/** By each of the keys that may fit. */
async function verify(token: string, find: CompactVerifyGetKey): Promise<void> {
  try {
    await compactVerify(token, find);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let last: unknown = error;
    for await (const key of error) {
      try {
        return await verify(token, async () => key);
      } catch (fault) {
        last = fault;
      }
    }
    throw last;
  }
}

async function keysOfIssuer({ issuer, headers = {} }: ExplainInactiveOptions): Promise<RemoteKeys> {
  const name = JSON.stringify([issuer, headers]);
  const known = keysOf.get(name);
  if (known !== undefined) return known;
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const metadata = await fetchDocument(url, {
    headers: { ...headers, accept: 'application/json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  });
  const { jwks_uri } = Object(metadata) as { jwks_uri?: unknown };
  if (!URL.canParse(String(jwks_uri))) throw new NoDocument();
  const keys = createRemoteJWKSet(new URL(String(jwks_uri)), {
    headers: { ...headers },
    timeoutDuration: timeoutMs,
    [customFetch]: async (keysUrl, request) => Response.json(await fetchDocument(keysUrl, request)),
  });
  if (keysOf.size >= maxIssuers) keysOf.clear();
  keysOf.set(name, keys);
  return keys;
}

function wrongTime({ exp, nbf }: JWTPayload, { now = Date.now }: ExplainInactiveOptions): Explanation | undefined {
  const seconds = now() / 1000;
  if (typeof exp === 'number' && exp <= seconds) {
    return {
      cause: 'expired',
      message: `It expired ${relative(-(seconds - exp))} (${dateOf(exp)}).`,
      advice: 'Get a new token, by the refresh token where there is one.',
    };
  }
  if (typeof nbf === 'number' && nbf > seconds) {
    return {
      cause: 'not_yet_valid',
      message: `It will be valid ${relative(nbf - seconds)} (${dateOf(nbf)}).`,
      advice: 'Compare the clocks of this machine and the server: introspect doctor does.',
    };
  }
  return undefined;
}

function otherKind(claims: JWTPayload): Explanation | undefined {
  const isIdToken = ['nonce', 'at_hash', 'c_hash'].some((name) => Object.hasOwn(claims, name));
  const kind = isIdToken ? 'an ID token' : Object.hasOwn(claims, 'events') ? 'a logout token' : undefined;
  return kind && { cause: 'not_an_access_token', message: `It is ${kind}.`, advice: 'Send the access token.' };
}

function otherAudience({ aud = [] }: JWTPayload, options: ExplainInactiveOptions): Explanation | undefined {
  const { clientId, projectId } = options;
  const audience = [aud].flat();
  if (audience.includes(clientId) || (projectId !== undefined && audience.includes(projectId))) return undefined;
  const lacks = `lacks this API's client id ${shown(clientId)}`;
  return {
    cause: 'audience_mismatch',
    message:
      projectId === undefined
        ? `Its audience ${shown(audience)} ${lacks}; whether it names the project instead is not known here ("projectId").`
        : `Its audience ${shown(audience)} ${lacks} and its project id ${shown(projectId)}.`,
    advice: `${scopeAdvice(options)} A login must go through an application of the project.`,
  };
}

const onlyTheServerKnows: Explanation = {
  cause: 'revoked',
  message:
    'It reads as good. So it was revoked, or superseded by a refresh (only the latest access token of a login is active), or its session has ended, or its user is locked, deactivated or gone.',
  advice: 'Get a new token. Should that be inactive too: ZITADEL answers the same for a fault inside itself.',
};

function scopeAdvice({ projectId = '<project id>' }: ExplainInactiveOptions): string {
  return `request it with the scope urn:zitadel:iam:org:project:id:${projectId}:aud.`;
}

/** Of a token, which anybody may have made: in one line, without what a terminal obeys, and not too long. */
function shown(value: unknown): string {
  const text = JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** ECMA-262 §21.4.1.1. */
const maxDateSeconds = 8.64e12;
const units = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** Such as "3 min ago"; beyond what a date can hold, no number. */
function relative(seconds: number): string {
  if (Math.abs(seconds) > maxDateSeconds) return seconds < 0 ? 'long ago' : 'far in the future';
  const [unit, size] = units.find(([, each]) => Math.abs(seconds) >= each) ?? ['second', 1];
  return new Intl.RelativeTimeFormat('en', { style: 'short' })
    .format(Math.trunc(seconds / size), unit)
    .replace('.', '');
}

/** Beyond what a date can hold, the number. */
function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString();
}
