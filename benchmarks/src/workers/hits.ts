// One way to accept a token that was accepted before, in its own process.
import { hash } from 'node:crypto';
import { protect } from '@acme/introspect-core/adapter';
import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';
import { cachingAuthorizer } from '../caching-authorizer.js';
import { median } from '../rounds.js';
import { awaited, type Calls, microsecondsPerCall, synchronous } from '../timed.js';
import { jwtIssuer, opaqueToken } from '../tokens.js';
import { serve } from '../worker.js';
import { zitadelResponse } from '../zitadel-response.js';

const [, , name = '', forMs = '', repeats = ''] = process.argv;
const tokens = 100;

const { jwt, publicKey, publicPem } = jwtIssuer();
const jwts = Array.from({ length: tokens }, (_, number) => `Bearer ${jwt(number)}`);
const opaque = Array.from({ length: tokens }, (_, number) => `Bearer ${opaqueToken(number)}`);
const take = (headers: readonly string[], number: number) => headers[number % tokens] ?? '';
const tokenOf = (header: string) => header.slice('Bearer '.length);

const ways: Record<string, () => Calls | Promise<Calls>> = {
  'ours, front table, JWT': () => protectedCalls(jwts, 512),
  'ours, front table, opaque': () => protectedCalls(opaque, 512),
  'ours, behind it, JWT': () => protectedCalls(jwts, 0),
  'ours, behind it, opaque': () => protectedCalls(opaque, 0),
  'ours, guard() of the authorizer, JWT': async () => {
    const guard = cachingAuthorizer(() => zitadelResponse(1)).guard();
    return awaited((number) => guard(take(jwts, number)));
  },
  'jose jwtVerify, RS256': () => awaited((number) => jwtVerify(tokenOf(take(jwts, number)), publicKey)),
  'fast-jwt with its cache': () => {
    const verify = createVerifier({ key: publicPem, algorithms: ['RS256'], cache: true });
    return synchronous((number) => verify(tokenOf(take(jwts, number))));
  },
  'only SHA-256 of a JWT': () => synchronous((number) => hash('sha256', take(jwts, number), 'base64url')),
};

/** Returns calls that decide as the adapters do: from the header field to the decision, without a promise. */
async function protectedCalls(headers: readonly string[], frontEntries: number): Promise<Calls> {
  const decide = protect(cachingAuthorizer(() => zitadelResponse(1), { frontEntries }));
  for (const authorization of headers) await decide({ authorization, native: {} });
  const native = {};
  return synchronous((number) => decide({ authorization: take(headers, number), native }));
}

serve({
  microseconds: async () => {
    const calls = await ways[name]?.();
    if (calls === undefined) throw new TypeError(`unknown way: ${name}`);
    const samples: number[] = [];
    for (let repeat = -2; repeat < Number(repeats); repeat++) {
      globalThis.gc?.();
      const sample = await microsecondsPerCall(calls, Number(forMs));
      if (repeat >= 0) samples.push(sample);
    }
    return median(samples);
  },
});
