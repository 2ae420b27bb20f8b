/** Authenticates with a signed assertion (RFC 7523 §2.2), whatever it is signed with. */
import type { ClientAuthentication } from '@acme/introspect-core';
import { sharesPromises } from '../../runtime/workerd.js';
import type { SignClaims } from './signer.js';

/** How a client creates assertions. */
export interface AssertionSettings {
  readonly clientId: string;
  readonly sign: SignClaims;
  readonly reuseSeconds: number;
  readonly now: () => number;
  readonly monotonicNow: () => number;
}

interface Assertion {
  readonly jwt: string;
  readonly issuer: string;
  /** By the clock that never goes back. */
  readonly signedAt: number;
  /** By the wall clock. */
  readonly issuedAt: number;
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
/** The server's clock may be behind ours, and ZITADEL rejects an `iat` that is more than 1 s in its future. */
const backdatedSeconds = 5;
/** How long an assertion stays valid after its last use. */
const validAfterUseSeconds = 60;
/** After this time a signature that is still pending is not waited for: a function that signs may hang. */
const maxWaitMs = 1000;

/**
 * Returns a client authentication that sends assertions whose audience is the issuer. `client_id` is sent with them:
 * RFC 7521 §4.2 permits it, and some servers require it.
 */
export function clientAssertion(settings: AssertionSettings): ClientAuthentication {
  const { clientId, sign, reuseSeconds, now, monotonicNow } = settings;
  let shared: Assertion | undefined;
  let pending: { readonly issuer: string; readonly since: number; readonly assertion: Promise<Assertion> } | undefined;

  async function newAssertion(issuer: string): Promise<Assertion> {
    const [signedAt, issuedAt] = [monotonicNow(), now()];
    const seconds = Math.floor(issuedAt / 1000);
    const jwt = await sign({
      iss: clientId,
      sub: clientId,
      aud: issuer,
      jti: crypto.randomUUID(),
      iat: seconds - backdatedSeconds,
      exp: seconds + Math.ceil(reuseSeconds) + validAfterUseSeconds,
    });
    const assertion = { jwt, issuer, signedAt, issuedAt };
    if (reuseSeconds > 0 && !(shared !== undefined && shared.signedAt > signedAt)) shared = assertion;
    return assertion;
  }

  /** If assertions are reused, concurrent requests wait for the same signature. */
  function nextAssertion(issuer: string): Promise<Assertion> {
    const since = monotonicNow();
    if (pending?.issuer === issuer && since - pending.since < maxWaitMs) return pending.assertion;
    const assertion = newAssertion(issuer).finally(() => {
      if (pending?.assertion === assertion) pending = undefined;
    });
    if (reuseSeconds > 0 && sharesPromises()) pending = { issuer, since, assertion };
    return assertion;
  }

  /** Compares both clocks, because the wall clock may have been set. */
  function isFresh({ signedAt, issuedAt }: Assertion): boolean {
    const wallMs = now() - issuedAt;
    return monotonicNow() - signedAt < reuseSeconds * 1000 && wallMs >= 0 && wallMs < reuseSeconds * 1000;
  }

  return {
    clientId,
    needsIssuer: true,
    async apply({ body }, { issuer = '', afterRejection }) {
      const canReuse = shared?.issuer === issuer && !afterRejection && isFresh(shared);
      const { jwt } = canReuse && shared !== undefined ? shared : await nextAssertion(issuer);
      body.append('client_id', clientId);
      body.append('client_assertion_type', assertionType);
      body.append('client_assertion', jwt);
    },
  };
}
