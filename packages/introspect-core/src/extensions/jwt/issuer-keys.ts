/** The keys that one issuer publishes: fetched when they are needed, and again when they are old or do not fit. */
import type { PrefilterContext } from '@acme/introspect-core';
import { sharesPromises } from '../../runtime/workerd.js';
import type { Jwt } from './jwt.js';
import { type KeySet, readKeySet, type SignatureResult, verifySignature } from './signature.js';

/** After this time the keys are fetched again: the issuer may have withdrawn one. */
const maxKeyAgeMs = 600_000;

/**
 * Verifies JWTs with the keys that an issuer publishes.
 *
 * @internal For the entry points of this package.
 */
export class IssuerKeys {
  readonly #context: Pick<PrefilterContext, 'fetchKeys' | 'monotonicNow'>;
  readonly #cooldownMs: number;
  #current: { readonly keySet: KeySet; readonly fetchedAt: number } | undefined;
  #lastFetchAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  /** @param cooldownMs the minimum time between two fetches; a failed fetch counts too */
  constructor(context: Pick<PrefilterContext, 'fetchKeys' | 'monotonicNow'>, cooldownMs: number) {
    this.#context = context;
    this.#cooldownMs = cooldownMs;
  }

  /**
   * Verifies the signature of a JWT. If it does not verify, the keys are fetched, at most once per cooldown, and the
   * signature is verified again. Checks no claim.
   *
   * @returns `no_keys` until the keys have been fetched
   */
  async verify(jwt: Jwt): Promise<SignatureResult | 'no_keys'> {
    await this.#refresh();
    const before = this.#current; // a concurrent call may fetch new keys while this one verifies
    if (before === undefined) return 'no_keys';
    const result = await verifySignature(jwt, before.keySet);
    if (result === 'good') return result;
    await this.#fetch();
    return this.#current === before ? result : verifySignature(jwt, (this.#current ?? before).keySet);
  }

  /** Refreshes old keys in the background, except on workerd, where work must end with its request. */
  async #refresh(): Promise<void> {
    const { monotonicNow } = this.#context;
    if (this.#current !== undefined && monotonicNow() - this.#current.fetchedAt < maxKeyAgeMs) return;
    const fetching = this.#fetch();
    if (this.#current === undefined || !sharesPromises()) await fetching;
  }

  /** Fetches the keys, once per cooldown. Concurrent calls wait for the same fetch. Never rejects. */
  #fetch(): Promise<void> {
    const now = this.#context.monotonicNow();
    if (this.#fetching !== undefined || now - this.#lastFetchAt < this.#cooldownMs) {
      return this.#fetching ?? Promise.resolve();
    }
    this.#lastFetchAt = now;
    const fetching = this.#load(now).finally(() => {
      this.#fetching = undefined;
    });
    if (sharesPromises()) this.#fetching = fetching;
    return fetching;
  }

  async #load(now: number): Promise<void> {
    try {
      this.#current = { keySet: await readKeySet(await this.#context.fetchKeys()), fetchedAt: now };
    } catch {
      // The authorizer has emitted an event for it, and the previous keys stay in use.
    }
  }
}
