/** Explains a JWT by its signature. */
import { fetchIssuerKeys, ofetchTransport } from '@acme/introspect-core';
import { IssuerKeys, type Jwt } from '@acme/introspect-core/jwt-prefilter';
import type { ExplainTokenOptions } from './explain-options.js';
import type { TokenExplanation } from './explanation.js';

/** The limits of each request to the issuer. Plain http is allowed, because an explanation grants nothing. */
const limits = { timeoutMs: 3000, maxResponseBytes: 262_144, allowInsecureHttp: true };
const cooldownMs = 30_000;
const maxIssuers = 16;
/** The known keys, by the function that fetches them, then by issuer, metadata URL and headers. */
const keysOf = new WeakMap<object, Map<string, KnownKeys>>();

interface KnownKeys {
  readonly keys: IssuerKeys;
  /** How often the keys were fetched. */
  fetches: number;
}

/** What the signature says: an explanation if it is wrong, or why it was not checked. Neither if it is good. */
export interface SignatureCheck {
  readonly wrong?: TokenExplanation;
  readonly unchecked?: string;
}

/** The result for an algorithm, or a `crit`, that the issuer does not use. */
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
        'It is signed by a key that the issuer does not publish (any more): it is old, or from another server or instance.',
      advice: 'Get a new token.',
    },
  },
};

/** The result for an unknown key if the keys were fetched before the token arrived, because its key may be newer. */
const maybeNewKey: SignatureCheck = {
  unchecked: `its key was not among the issuer's keys when they were last fetched, at most ${cooldownMs / 1000} s ago`,
};

/** Judges a signature with an algorithm for which an issuer cannot publish a key. The server may use any algorithm. */
export function checkOtherAlgorithm({ alg }: Jwt): SignatureCheck {
  if (alg === 'none') return { wrong: { ...unsigned, cause: 'bad_signature' } };
  if (/^HS\d+$/.test(String(alg))) return { unchecked: 'it is signed with a secret that only the server has' };
  return { unchecked: 'its algorithm cannot be verified here' };
}

const unsigned = {
  message: 'It is not signed.',
  advice: 'Look at where it comes from: anybody can write such a token.',
};

/** Verifies the signature of a JWT with the keys of the issuer. */
export async function checkSignature(jwt: Jwt, options: ExplainTokenOptions): Promise<SignatureCheck> {
  const { fetchKeys, transport = ofetchTransport, issuer, metadataUrl, headers } = options;
  const owner = fetchKeys ?? transport;
  const byIssuer = keysOf.get(owner) ?? new Map<string, KnownKeys>();
  keysOf.set(owner, byIssuer);
  const name = JSON.stringify([issuer, metadataUrl, headers]);
  const known = byIssuer.get(name) ?? issuerKeys(options);
  const fetchesBefore = known.fetches;
  const result = await known.keys.verify(jwt);
  // Keys that could not be fetched are not remembered, so that the next token tries again without the cooldown.
  if (result !== 'no_keys' && !byIssuer.has(name)) {
    if (byIssuer.size >= maxIssuers) byIssuer.clear();
    byIssuer.set(name, known);
  }
  return result === 'unknown_key' && known.fetches === fetchesBefore ? maybeNewKey : checks[result];
}

function issuerKeys({
  issuer = '',
  metadataUrl,
  headers = {},
  transport = ofetchTransport,
  now = Date.now,
  monotonicNow = () => performance.now(),
  fetchKeys = () => fetchIssuerKeys({ issuer, metadataUrl, headers, transport, now, ...limits }),
}: ExplainTokenOptions): KnownKeys {
  const counted = () => {
    known.fetches += 1;
    return fetchKeys();
  };
  const known = { keys: new IssuerKeys({ monotonicNow, fetchKeys: counted }, cooldownMs), fetches: 0 };
  return known;
}
