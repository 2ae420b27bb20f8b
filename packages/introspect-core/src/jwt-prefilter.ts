/** A forged JWT costs the authorization server nothing: it is refused here, by the issuer's published keys. */
import type { InvalidTokenReason, Prefilter, PrefilterContext, PrefilterVerdict } from '@acme/introspect-core';
import {
  type CompactVerifyGetKey,
  compactVerify,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
} from 'jose';
import * as v from 'valibot';
import { checkedOptions, optionsObject } from './options.js';
import { sharesPromises } from './workerd.js';

export interface JwtPrefilterOptions {
  /** The `alg` values (RFC 7518 §3.1) that the issuer signs with; all asymmetric ones unless given. */
  algorithms?: readonly string[];
  /** For how many seconds after a fetch of the keys, good or not, an unknown `kid` causes no other; 30 unless given. */
  cooldownSeconds?: number;
}

/** A text that reads as a JWS with claims (RFC 7519 §7.2), of which its header names algorithm or key; nothing of it is verified. */
interface Jwt {
  readonly token: string;
  readonly alg: unknown;
  readonly kid: string | undefined;
  /** Whether its header says that something must be understood (RFC 7515 §4.1.11). */
  readonly isCritical: boolean;
  /** Where they have their type. */
  readonly claims: Parameters<PrefilterContext['invalidReason']>[0];
}

const asymmetric = ['RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((bits) => family + bits));
/** One algorithm, by its old name and its new one (RFC 9864 §2.2): a key for one of them is for both. */
const edwards: readonly unknown[] = ['EdDSA', 'Ed25519'];
/** A curve of the old name that no runtime's `jose` knows: what is signed so may be good all the same. */
const unknownCurve = 'Ed448';
const allAlgorithms: readonly string[] = [...asymmetric, 'EdDSA', 'Ed25519'];
const badSignature: InvalidTokenReason = 'bad_signature';
/** What is wrong with a token, and not with a key or this runtime. */
const badTokens = [errors.JWSSignatureVerificationFailed, errors.JWSInvalid, errors.JWKSNoMatchingKey];
/** Then the keys are fetched once more while they serve: the issuer may have taken one back. */
const maxKeyAgeMs = 600_000;

const schema = optionsObject({
  algorithms: v.optional(
    v.pipe(
      v.array(
        v.picklist(allAlgorithms, `must be asymmetric: ${allAlgorithms.join(', ')}`),
        'must be a list of algorithms',
      ),
      v.nonEmpty('must name at least one algorithm'),
    ),
    allAlgorithms,
  ),
  cooldownSeconds: v.optional(
    v.pipe(
      v.number('must be a number of seconds'),
      v.finite('must be finite'),
      v.gtValue(0, 'must be more than 0: whoever makes up key ids would have the keys fetched each time'),
    ),
    30,
  ),
});

/**
 * Checks a token that is shaped like a JWT before the server is asked about it: `alg`, `exp`, `nbf`, `iss`, and the
 * signature by the keys that the issuer publishes (RFC 8414 §2 `jwks_uri`). What fails is refused; what passes is still
 * asked about, for only the server knows of a revocation. A header that calls anything critical which is not understood
 * here (RFC 7515 §4.1.11) fails. Audience, type and all other claims are not checked, and tokens of any other shape pass.
 *
 * A `kid` that is not known causes one fetch of the keys in each cooldown; where that does not help, the token is asked
 * about after all others. While there are no keys nothing is refused on their account.
 *
 * @throws TypeError naming the option
 */
export function jwtPrefilter(options: JwtPrefilterOptions = {}): Prefilter {
  const { algorithms, cooldownSeconds } = checkedOptions('jwtPrefilter', schema, options);
  /** Of each authorizer that uses this one. */
  const keysOf = new WeakMap<PrefilterContext, IssuerKeys>();

  async function prefilter(token: string, context: PrefilterContext): Promise<PrefilterVerdict> {
    const jwt = readJwt(token);
    if (jwt === undefined) return 'ask';
    if (!algorithms.some((each) => each === jwt.alg)) return { refuse: badSignature };
    const reason = context.invalidReason(jwt.claims);
    if (reason !== undefined) return { refuse: reason };
    const keys = keysOf.get(context) ?? new IssuerKeys(context, cooldownSeconds * 1000);
    keysOf.set(context, keys);
    return keys.judge(jwt);
  }
  return Object.assign(prefilter, { needsIssuer: true });
}

/** The keys of one issuer, as they were fetched last. */
class IssuerKeys {
  readonly #context: PrefilterContext;
  readonly #cooldownMs: number;
  #known:
    | { readonly find: CompactVerifyGetKey; readonly ids: ReadonlySet<unknown>; readonly fetchedAt: number }
    | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(context: PrefilterContext, cooldownMs: number) {
    this.#context = context;
    this.#cooldownMs = cooldownMs;
  }

  async judge(jwt: Jwt): Promise<PrefilterVerdict> {
    await this.#renewOld();
    const before = this.#known; // others may have fetched newer ones while this is verified
    const verdict = await this.#verify(jwt);
    if (verdict !== 'ask_last') return verdict;
    await this.#fetch();
    return this.#known === before ? verdict : this.#verify(jwt);
  }

  /** Nobody waits for a renewal: the old keys serve, but on workerd, where work must end with its request. */
  async #renewOld(): Promise<void> {
    if (this.#known !== undefined && this.#context.monotonicNow() - this.#known.fetchedAt < maxKeyAgeMs) return;
    const fetching = this.#fetch();
    if (this.#known === undefined || !sharesPromises()) await fetching;
  }

  async #verify(jwt: Jwt): Promise<PrefilterVerdict> {
    if (this.#known === undefined) return 'ask';
    const { kid } = jwt;
    const { find, ids } = this.#known;
    const outcome = await verify(jwt, find);
    if (outcome === 'good') return 'ask';
    // Without a known key, or where this runtime cannot use it, the token may be good all the same.
    return outcome === 'bad' && kid !== undefined && ids.has(kid) ? { refuse: badSignature } : 'ask_last';
  }

  /** Once in each cooldown, and never rejects; whoever comes meanwhile waits for it too. */
  #fetch(): Promise<void> {
    const now = this.#context.monotonicNow();
    if (this.#fetching !== undefined || now - this.#triedAt < this.#cooldownMs)
      return this.#fetching ?? Promise.resolve();
    this.#triedAt = now;
    const fetching = this.#take(now).finally(() => {
      this.#fetching = undefined;
    });
    if (sharesPromises()) this.#fetching = fetching;
    return fetching;
  }

  async #take(now: number): Promise<void> {
    try {
      const keySet = structuredClone(await this.#context.fetchKeys()) as unknown as JSONWebKeySet;
      for (const key of keySet.keys) if (edwards.includes(key.alg)) Reflect.deleteProperty(key, 'alg'); // its curve says enough
      const find = createLocalJWKSet(keySet); // throws unless it is a set of keys
      const usable = keySet.keys.filter(({ crv }) => crv !== unknownCurve);
      this.#known = { find, ids: new Set(usable.map(({ kid }) => kid)), fetchedAt: now };
    } catch {
      // the authorizer has told of it, and the keys of before serve
    }
  }
}

/** Whether one of the keys that may fit has made the signature; `unknown` where that could not be found out. */
async function verify(jwt: Jwt, find: CompactVerifyGetKey): Promise<'good' | 'bad' | 'unknown'> {
  try {
    await compactVerify(jwt.token, find);
    return 'good';
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      for await (const key of error) if ((await verify(jwt, async () => key)) === 'good') return 'good';
      return 'bad';
    }
    // What must be understood and is not makes a signature invalid, whoever made it.
    if (jwt.isCritical && error instanceof errors.JOSENotSupported) return 'bad';
    return badTokens.some((badToken) => error instanceof badToken) ? 'bad' : 'unknown';
  }
}

function readJwt(token: string): Jwt | undefined {
  try {
    const { alg, kid, crit } = decodeProtectedHeader(token);
    const { exp, nbf, iss } = decodeJwt(token);
    if (alg === undefined && kid === undefined) return undefined;
    return {
      token,
      alg,
      kid,
      isCritical: crit !== undefined,
      claims: { exp: numberOf(exp), nbf: numberOf(nbf), iss: typeof iss === 'string' ? iss : undefined },
    };
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
