/** Rejects forged JWTs before the introspection request, with the keys that the issuer publishes. */
import type { InvalidTokenReason, Prefilter, PrefilterContext, PrefilterVerdict } from '@acme/introspect-core';
import * as v from 'valibot';
import { checkedOptions, optionsObject } from '../../options.js';
import { IssuerKeys } from './issuer-keys.js';
import { type Jwt, readJwt } from './jwt.js';
import { asymmetricAlgorithms } from './signature.js';

export type { SignatureResult } from './signature.js';
export { asymmetricAlgorithms, IssuerKeys, type Jwt, readJwt };

/** The options of {@link jwtPrefilter}. */
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
   * The minimum time between two fetches of the keys that tokens cause, in seconds, above 0. A failed fetch counts too.
   *
   * @default 30
   */
  cooldownSeconds?: number;
}

/** Algorithms without a public key: they use no key, or a shared secret. */
const keylessAlgorithm = /^(none|HS\d+)$/i;
const badSignature: InvalidTokenReason = 'bad_signature';

const schema = optionsObject({
  algorithms: v.optional(
    v.pipe(
      v.array(
        v.picklist(asymmetricAlgorithms, `must be asymmetric: ${asymmetricAlgorithms.join(', ')}`),
        'must be a list of algorithms',
      ),
      v.nonEmpty('must name at least one algorithm'),
    ),
  ),
  cooldownSeconds: v.optional(
    v.pipe(
      v.number('must be a number of seconds'),
      v.finite('must be finite'),
      v.gtValue(0, 'must be more than 0: otherwise every token with a made-up key id would cause a fetch of the keys'),
    ),
    30,
  ),
});

/**
 * Returns a prefilter that checks JWTs with the keys that the issuer publishes (RFC 8414 §2 `jwks_uri`).
 *
 * It checks `alg`, `exp`, `nbf`, `iss`, `crit` (RFC 7515 §4.1.11) and the signature. It does not check the audience,
 * the type or any other claim, and it passes tokens of any other shape. A token that fails is rejected. A token that
 * passes is still introspected, because only the server knows of a revocation.
 *
 * A token is introspected after all others (`deprioritize`) if its signature cannot be checked here: it has no `kid` or
 * an unknown one, or its key or `alg` is not supported by jose or this runtime. A token with `alg` `none` or `HS…` is
 * rejected. Until the keys have been fetched, no token is rejected because of its signature.
 *
 * If a signature does not verify, the keys are fetched, at most once per `cooldownSeconds`, and the signature is
 * checked again with the new keys. Within the cooldown, or if the fetch fails, the old keys decide about a token with a
 * known `kid`. So an issuer must not reuse a `kid` for another key: its good tokens are rejected for up to
 * `cooldownSeconds`.
 *
 * @example
 * ```ts
 * const authorizer = new Authorizer({ ...options, prefilter: jwtPrefilter() });
 * ```
 * @throws TypeError naming the option
 */
export function jwtPrefilter(options: JwtPrefilterOptions = {}): Prefilter {
  const { algorithms, cooldownSeconds } = checkedOptions('jwtPrefilter', schema, options);
  /** The keys of each authorizer, by the context that it passes. */
  const keysOf = new WeakMap<PrefilterContext, IssuerKeys>();

  async function prefilter(token: string, context: PrefilterContext): Promise<PrefilterVerdict> {
    const jwt = readJwt(token);
    if (jwt === undefined) return 'introspect';
    if (!isAllowed(jwt.alg, algorithms)) return { reject: badSignature };
    const reason = context.invalidReason(timesAndIssuer(jwt));
    if (reason !== undefined) return { reject: reason };
    const keys = keysOf.get(context) ?? new IssuerKeys(context, cooldownSeconds * 1000);
    keysOf.set(context, keys);
    return verdictOf(await keys.verify(jwt), jwt);
  }
  return Object.assign(prefilter, { needsIssuer: true });
}

/**
 * Rejects a bad signature only if the token names its key. Otherwise the key may be one that this process cannot use.
 */
function verdictOf(result: Awaited<ReturnType<IssuerKeys['verify']>>, { kid }: Jwt): PrefilterVerdict {
  if (result === 'good' || result === 'no_keys') return 'introspect';
  const isForged = kid !== undefined && (result === 'bad' || result === 'unsupported');
  return isForged ? { reject: badSignature } : 'deprioritize';
}

function isAllowed(alg: unknown, algorithms: readonly string[] | undefined): boolean {
  if (typeof alg !== 'string') return false;
  return algorithms === undefined ? !keylessAlgorithm.test(alg) : algorithms.includes(alg);
}

/** Claims of another type are left out: the server judges them. */
function timesAndIssuer({ claims: { exp, nbf, iss } }: Jwt): Parameters<PrefilterContext['invalidReason']>[0] {
  return { exp: numberOf(exp), nbf: numberOf(nbf), iss: typeof iss === 'string' ? iss : undefined };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
