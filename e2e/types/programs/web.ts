// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import type { StandardSchema } from '@acme/introspect-core';
import { introspect } from '@acme/introspect-core/web';

const server = { issuer: 'https://as.example', clientId: 'api', clientSecret: 's' };
declare const schema: StandardSchema<{ readonly email: string }>;

export async function bound(request: Request): Promise<Response> {
  const { requireToken, withToken, introspectionOf } = introspect({ ...server, claims: schema, scopes: ['a'] });
  const token = await requireToken({ scopes: ['a'] })(request, { waitUntil: () => {} });
  if (token instanceof Response) return token;
  const email: string = token.claims.email;
  const again: string = introspectionOf(request).claims.email;
  const maybe = await requireToken({ optional: true })(request);
  // @ts-expect-error the token may be null, or the response to send
  maybe.claims.email;
  // @ts-expect-error mistyped
  requireToken({ scopes: ['b'] });
  const worker: (request: Request, env: { name: string }) => Promise<Response> = withToken(
    {},
    (_, { claims }, env: { name: string }) => Response.json([claims.email, env.name]),
  );
  // @ts-expect-error the token may be null
  withToken({ optional: true }, (_, each) => Response.json(each.claims.email));
  return Response.json([email, again, worker.length]);
}
