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
  type JWK,
} from 'jose';
import * as v from 'valibot';
import { checkedOptions, optionsObject } from '../../options.js';
import { sharesPromises } from '../../runtime/workerd.js';

export interface JwtPrefilterOptions {
  /**
   * The only `alg` values (RFC 7518 §3.1) that a JWT may have; each must be asymmetric. A JWT with another `alg` is
   * rejected.
   *
   * Set it only if you control which algorithm the issuer signs with. If the issuer rotates to a key of another
   * algorithm, its good tokens are rejected until you add that algorithm.
   *
   * @default every `alg` except `none` and `HS…`
   */
  algorithms?: readonly string[];
  /**
   * The minimum number of seconds between two fetches of the keys that tokens cause. A failed fetch counts too.
   *
   * @default 30
   */
  cooldownSeconds?: number;
}

/** A text that reads as a JWS with claims (RFC 7519 §7.2), of which its header names algorithm or key; nothing of it is verified. */
interface Jwt {
  readonly token: string;
  readonly alg: unknown;
  readonly kid: string | undefined;
  /** Where they have their type. */
  readonly claims: Parameters<PrefilterContext['invalidReason']>[0];
}

/** A key from the issuer's `jwks_uri`. */
interface PublishedKey {
  readonly kid: string | undefined;
  /** Returns the key for an algorithm that it can be used with, and throws for any other. */
  readonly find: CompactVerifyGetKey;
  /** Whether the key can be used with at least one algorithm. */
  readonly isUsable: boolean;
}

const asymmetric = ['RS', 'PS', 'ES'].flatMap((family) => ['256', '384', '512'].map((bits) => family + bits));
/** One algorithm, by its old name and its new one (RFC 9864 §2.2): a key for one of them is for both. */
const edwards: readonly unknown[] = ['EdDSA', 'Ed25519'];
/** Other algorithms are checked only if the installed jose and the runtime support them. */
const checkedAlgorithms: readonly string[] = [...asymmetric, 'EdDSA', 'Ed25519'];
/** Algorithms that no published key can sign with: they use no key, or a shared secret. */
const keylessAlgorithm = /^(none|HS\d+)$/i;
const badSignature: InvalidTokenReason = 'bad_signature';
/** Then the keys are fetched once more while they serve: the issuer may have taken one back. */
const maxKeyAgeMs = 600_000;

const schema = optionsObject({
  algorithms: v.optional(
    v.pipe(
      v.array(
        v.picklist(checkedAlgorithms, `must be asymmetric: ${checkedAlgorithms.join(', ')}`),
        'must be a list of algorithms',
      ),
      v.nonEmpty('must name at least one algorithm'),
    ),
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
 * Returns a prefilter that checks JWTs with the keys that the issuer publishes (RFC 8414 §2 `jwks_uri`).
 *
 * It checks `alg`, `exp`, `nbf`, `iss`, `crit` (RFC 7515 §4.1.11) and the signature. It does not check the audience, the
 * type or any other claim, and it passes tokens of any other shape. A token that fails is rejected. A token that passes is
 * still introspected, because only the server knows of a revocation.
 *
 * A token is introspected after all others (`deprioritize`) if its signature cannot be checked here: it has no `kid` or an
 * unknown one, or its key or `alg` is not supported by jose or this runtime. A token with `alg` `none` or `HS…` is rejected.
 * Until the keys have been fetched, no token is rejected because of its signature.
 *
 * If a signature does not verify, the keys are fetched, at most once per `cooldownSeconds`, and the signature is
 * checked again with the new keys. Within the cooldown, or if the fetch fails, the old keys decide about a token with a
 * known `kid`. So an issuer must not reuse a `kid` for another key: its good tokens are rejected for up to
 * `cooldownSeconds`.
 *
 * @throws TypeError naming the option
 */
export function jwtPrefilter(options: JwtPrefilterOptions = {}): Prefilter {
  const { algorithms, cooldownSeconds } = checkedOptions('jwtPrefilter', schema, options);
  /** Of each authorizer that uses this one. */
  const keysOf = new WeakMap<PrefilterContext, IssuerKeys>();

  async function prefilter(token: string, context: PrefilterContext): Promise<PrefilterVerdict> {
    const jwt = readJwt(token);
    if (jwt === undefined) return 'introspect';
    if (!isAllowed(jwt.alg, algorithms)) return { reject: badSignature };
    const reason = context.invalidReason(jwt.claims);
    if (reason !== undefined) return { reject: reason };
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
  #known: { readonly keys: readonly PublishedKey[]; readonly fetchedAt: number } | undefined;
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
    if (verdict === 'introspect') return verdict;
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
    if (this.#known === undefined) return 'introspect';
    const { kid } = jwt;
    const outcomes = new Set<Outcome>();
    for (const key of this.#known.keys) {
      if (kid === undefined || kid === key.kid) outcomes.add(await verify(jwt, key));
      if (outcomes.has('good')) return 'introspect';
    }
    const isForged = kid !== undefined && outcomes.has('bad') && !outcomes.has('unknown');
    return isForged ? { reject: badSignature } : 'deprioritize';
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
      const { keys } = (await this.#context.fetchKeys()) as unknown as JSONWebKeySet;
      const known = keys.filter(({ use }) => use !== 'enc').map(publishedKey);
      this.#known = { keys: await Promise.all(known), fetchedAt: now };
    } catch {
      // the authorizer has told of it, and the keys of before serve
    }
  }
}

function isAllowed(alg: unknown, algorithms: readonly string[] | undefined): boolean {
  if (typeof alg !== 'string') return false;
  return algorithms === undefined ? !keylessAlgorithm.test(alg) : algorithms.includes(alg);
}

async function publishedKey(jwk: JWK): Promise<PublishedKey> {
  const { alg, ...rest } = jwk;
  // The key's curve decides; both names mean one algorithm.
  const find = createLocalJWKSet({ keys: [edwards.includes(alg) ? rest : jwk] });
  const uses = checkedAlgorithms.map((alg) => find({ alg, ...(jwk.kid !== undefined && { kid: jwk.kid }) }));
  const isUsable = (await Promise.allSettled(uses)).some(({ status }) => status === 'fulfilled');
  return { kid: jwk.kid, find, isUsable };
}

/** Whether a key made the signature; `unknown` if that cannot be checked here. */
type Outcome = 'good' | 'bad' | 'unknown';

async function verify({ token, alg }: Jwt, { find, isUsable }: PublishedKey): Promise<Outcome> {
  let isUnderstood = false;
  try {
    await compactVerify(token, (...header) => {
      isUnderstood = true; // jose asks for the key only after it has accepted "crit"
      return find(...header);
    });
    return 'good';
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWSInvalid) return 'bad';
    // A "crit" that is not understood makes every signature invalid (RFC 7515 §4.1.11).
    if (error instanceof errors.JOSENotSupported && !isUnderstood) return 'bad';
    const isOfOtherKey = error instanceof errors.JWKSNoMatchingKey && isUsable;
    return isOfOtherKey && checkedAlgorithms.some((each) => each === alg) ? 'bad' : 'unknown';
  }
}

function readJwt(token: string): Jwt | undefined {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    const { exp, nbf, iss } = decodeJwt(token);
    if (alg === undefined && kid === undefined) return undefined;
    return {
      token,
      alg,
      kid,
      claims: { exp: numberOf(exp), nbf: numberOf(nbf), iss: typeof iss === 'string' ? iss : undefined },
    };
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
