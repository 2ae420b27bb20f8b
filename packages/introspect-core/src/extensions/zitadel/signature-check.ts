/** Explains a JWT by its signature. */
import { fetchIssuerKeys, ofetchTransport } from '@acme/introspect-core';
import { IssuerKeys, type Jwt } from '@acme/introspect-core/jwt-prefilter';
import type { ExplainInactiveOptions } from './explain-options.js';
import type { ZitadelInactiveExplanation } from './explanation.js';

/** Of each request to the issuer. An explanation grants nothing, so plain http is good enough in development. */
const limits = { timeoutMs: 3000, maxResponseBytes: 262_144, allowInsecureHttp: true };
const cooldownMs = 30_000;
const maxIssuers = 16;
/** By the function that fetches, then by issuer and headers: the keys are not fetched again for each token. */
const keysOf = new WeakMap<object, Map<string, IssuerKeys>>();

/** What the signature says: an explanation if it is wrong, or why it was not checked. Neither if it is good. */
interface SignatureCheck {
  readonly wrong?: ZitadelInactiveExplanation;
  readonly unchecked?: string;
}

/** For an algorithm, or a `crit`, that an issuer does not use. */
export const unsupportedSignature: SignatureCheck = {
  wrong: {
    cause: 'bad_signature',
    message: 'It is not signed, or in a way that this issuer does not use.',
    advice: 'Look at where it comes from: this issuer did not create it.',
  },
};

const checks: Record<Awaited<ReturnType<IssuerKeys['verify']>>, SignatureCheck> = {
  good: {},
  no_keys: { unchecked: "the issuer's keys could not be fetched" },
  unusable_key: { unchecked: "the issuer's key could not be used here" },
  unsupported: unsupportedSignature,
  bad: {
    wrong: {
      cause: 'bad_signature',
      message: "Its signature is wrong: it was not made by the issuer's key, or the token was changed since.",
      advice: 'Look at how it was copied: one changed or missing character is enough.',
    },
  },
  unknown_key: {
    wrong: {
      cause: 'unknown_key',
      message:
        'It is signed by a key that the issuer does not publish (any more): it is old, or from another instance.',
      advice: 'Get a new token.',
    },
  },
};

/** Verifies the signature of a JWT with the keys of the issuer. */
export async function checkSignature(jwt: Jwt, options: ExplainInactiveOptions): Promise<SignatureCheck> {
  const { fetchKeys, transport = ofetchTransport, issuer, headers } = options;
  const owner = fetchKeys ?? transport;
  const byIssuer = keysOf.get(owner) ?? new Map<string, IssuerKeys>();
  keysOf.set(owner, byIssuer);
  const name = JSON.stringify([issuer, headers]);
  const keys = byIssuer.get(name) ?? issuerKeys(options);
  const result = await keys.verify(jwt);
  // Without keys it is not remembered, so that the next token tries again without waiting for the cooldown.
  if (result !== 'no_keys' && !byIssuer.has(name)) {
    if (byIssuer.size >= maxIssuers) byIssuer.clear();
    byIssuer.set(name, keys);
  }
  return checks[result];
}

function issuerKeys({
  issuer = '',
  headers = {},
  transport = ofetchTransport,
  now = Date.now,
  monotonicNow = () => performance.now(),
  fetchKeys = () => fetchIssuerKeys({ issuer, headers, transport, now, ...limits }),
}: ExplainInactiveOptions): IssuerKeys {
  return new IssuerKeys({ monotonicNow, fetchKeys }, cooldownMs);
}
