// The cost of a cache hit, beside verifying a JWT, and beside finding one that was verified before.
import { hash } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import { jwtVerify } from 'jose';
import { cachingAuthorizer } from '../caching-authorizer.js';
import { isQuick } from '../quick.js';
import { atLeast, type Report, times } from '../report.js';
import { inRounds, median, medianRatio } from '../rounds.js';
import { awaited, type Calls, microsecondsPerCall, synchronous } from '../timed.js';
import { jwtIssuer, opaqueToken } from '../tokens.js';
import { serve } from '../worker.js';
import { zitadelResponse } from '../zitadel-response.js';

const tokens = 100;
const forMs = isQuick ? 30 : 150;
const rounds = isQuick ? 5 : 25;

async function report(): Promise<Report> {
  const { jwt, publicKey, publicPem } = jwtIssuer();
  const authorizer = cachingAuthorizer(() => zitadelResponse(1));
  const guard = authorizer.guard();
  const verify = createVerifier({ key: publicPem, algorithms: ['RS256'], cache: true });
  const jwts = Array.from({ length: tokens }, (_, number) => `Bearer ${jwt(number)}`);
  const opaque = Array.from({ length: tokens }, (_, number) => `Bearer ${opaqueToken(number)}`);
  for (const header of [...jwts, ...opaque]) await authorizer.authorize(header);

  const take = (headers: readonly string[], number: number) => headers[number % tokens] ?? '';
  const tokenOf = (header: string) => header.slice('Bearer '.length);
  const rivals = {
    'ours, authorize(), JWT': awaited((n) => authorizer.authorize(take(jwts, n))),
    'ours, authorize(), opaque': awaited((n) => authorizer.authorize(take(opaque, n))),
    'ours, guard, JWT': awaited((n) => guard(take(jwts, n))),
    'ours, guard, opaque': awaited((n) => guard(take(opaque, n))),
    'jose jwtVerify, RS256': awaited((n) => jwtVerify(tokenOf(take(jwts, n)), publicKey)),
    'fast-jwt with its cache': synchronous((n) => verify(tokenOf(take(jwts, n)))),
    'only SHA-256 of a JWT': synchronous((n) => hash('sha256', take(jwts, n), 'base64url')),
    'only SHA-256 of an opaque one': synchronous((n) => hash('sha256', take(opaque, n), 'base64url')),
  };
  const samples = await inRounds(measured(rivals), { rounds, warmUps: 5 });

  const base = samples['ours, authorize(), JWT'];
  const goals = (['authorize(), JWT', 'authorize(), opaque', 'guard, JWT', 'guard, opaque'] as const).flatMap(
    (name) => {
      const ours = samples[`ours, ${name}`];
      return [
        atLeast(50, medianRatio(samples['jose jwtVerify, RS256'], ours), `${name}: as cheap as jose`),
        atLeast(
          1.3,
          medianRatio(samples['fast-jwt with its cache'], ours),
          `${name}: as cheap as fast-jwt with its cache`,
        ),
      ];
    },
  );
  return {
    title: 'A cache hit',
    columns: ['', 'CPU, of authorize() with a JWT', 'CPU µs'],
    rows: Object.entries(samples).map(([name, values]) => [
      name,
      times(medianRatio(values, base)),
      median(values).toFixed(2),
    ]),
    goals,
    notes: [
      '`authorize()` is called without a policy here. With a policy it would prepare that policy at each call. A `guard`, which ' +
        'the adapters use, prepares it once. fast-jwt is called without `await`, because it is synchronous.',
    ],
  };
}

function measured<Name extends string>(rivals: Record<Name, Calls>): Record<Name, () => Promise<number>> {
  const entries = Object.entries<Calls>(rivals).map(([name, calls]) => [name, () => microsecondsPerCall(calls, forMs)]);
  return Object.fromEntries(entries);
}

serve({ report });
