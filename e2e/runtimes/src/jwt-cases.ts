import { Authorizer } from '@acme/introspect-core';
import { jwtPrefilter } from '@acme/introspect-core/jwt-prefilter';
import { explainInactive } from '@acme/introspect-core/zitadel/explain';
import { base64url, importPKCS8, type JWTPayload, SignJWT } from 'jose';
import { assert, assertEqual, rejection } from './assert.js';
import { patient } from './client-cases.js';
import type { RuntimeCase, Settings } from './runtime-case.js';

const algorithms = ['RS256', 'ES256', 'EdDSA'] as const;
type Algorithm = (typeof algorithms)[number];

/** Returns a JWT that is signed with the key that the server publishes under the algorithm's name. */
async function signed(algorithm: Algorithm, { origin, keys }: Settings, claims: JWTPayload = {}): Promise<string> {
  const pair = keys.find((key) => key.algorithm === algorithm && key.privateKey.startsWith('-----BEGIN PRIVATE KEY'));
  assert(pair !== undefined, 'there is a key');
  return new SignJWT({ iss: origin, aud: 'api', jti: crypto.randomUUID(), ...claims })
    .setProtectedHeader({ alg: algorithm, kid: algorithm })
    .setExpirationTime('1h')
    .sign(await importPKCS8(pair.privateKey, algorithm));
}

/** Returns the JWT with another claim and its old signature. */
function forged(token: string, { origin }: Settings): string {
  const [header, , signature] = token.split('.');
  return [header, base64url.encode(JSON.stringify({ iss: origin, aud: 'api', sub: 'forger' })), signature].join('.');
}

const prefilterCases = algorithms.map(
  (algorithm): RuntimeCase => ({
    name: `a JWT signed with ${algorithm} is introspected, and a forged one is rejected without a request`,
    async run(settings) {
      const options = { issuer: settings.origin, clientId: 'api', clientSecret: 'secret', ...patient };
      const authorizer = new Authorizer({ ...options, prefilter: jwtPrefilter() });
      const tokens = await Promise.all(Array.from({ length: 5 }, () => signed(algorithm, settings)));
      const introspected = await Promise.all(tokens.map((token) => authorizer.authorize(`Bearer ${token}`)));
      assertEqual(
        introspected.map(({ count }) => count),
        [1, 1, 1, 1, 1],
      );
      for (const token of tokens) {
        const error = await rejection(authorizer.authorize(`Bearer ${forged(token, settings)}`));
        assertEqual(Object(error).reason, 'bad_signature');
      }
      assertEqual(authorizer.stats().requests.active, 5);
    },
  }),
);

const explainCases = algorithms.map(
  (algorithm): RuntimeCase => ({
    name: `a JWT signed with ${algorithm} is verified before the reason for its inactivity is explained`,
    async run(settings) {
      const explain = (token: string) => explainInactive(token, { issuer: settings.origin, clientId: 'api' });
      const good = await signed(algorithm, settings);
      const { cause, message } = await explain(good);
      assert(cause === 'revoked' && !message.includes('signature'), `verified: ${message}`);
      assertEqual((await explain(forged(good, settings))).cause, 'bad_signature');
      const early = await signed(algorithm, settings, { nbf: 4e9 });
      assert((await explain(early)).message.startsWith('It will be valid in '), 'says when');
    },
  }),
);

export const jwtCases: readonly RuntimeCase[] = [...prefilterCases, ...explainCases];
