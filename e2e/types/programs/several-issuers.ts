// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import { Authorizer, issuers, tenants } from '@acme/introspect-core';
import { introspect as introspectWeb } from '@acme/introspect-core/web';
import { introspect as introspectExpress } from '@acme/introspect-express';
import { introspect as fastifyPlugin } from '@acme/introspect-fastify';
import { introspect as introspectHono } from '@acme/introspect-hono';
import { IntrospectModule } from '@acme/introspect-nestjs';
import Fastify from 'fastify';

const options = { issuer: 'https://a.example', clientId: 'api', clientSecret: 's' };
const shared = {
  claims: (token: { sub?: string }) => ({ id: String(token.sub) }),
  scopes: ['read', 'write'] as const,
  roles: ['admin'] as const,
  rolesOf: () => [],
};
const a = new Authorizer({ ...options, ...shared });
const b = new Authorizer({ ...options, ...shared, issuer: 'https://b.example' });
const plain = new Authorizer(options);
declare const found: Authorizer | undefined;

/** issuers knows the claims and the vocabularies of its authorizers. */
export async function severalIssuers(request: Request): Promise<void> {
  const authorizer = issuers([a, b], { opaque: b });
  const chosen: Authorizer = issuers([plain], { opaque: ({ url }) => (url === '/a' ? plain : undefined) });
  const { claims } = await authorizer.authorize(request, { scopes: ['read'], anyRole: ['admin'] });
  const id: string = claims.id;
  // @ts-expect-error mistyped
  await authorizer.authorize(request, { scopes: ['reed'] });
  // @ts-expect-error a claim that the schema does not have
  claims.email;
  // @ts-expect-error one authorizer is not a list
  issuers(a);
  // @ts-expect-error an unknown option
  issuers([a], { opaques: a });
  // @ts-expect-error the function must return an authorizer, and not a promise
  issuers([plain], { opaque: async () => plain });
  // @ts-expect-error options are not an authorizer
  issuers([options]);
  // @ts-expect-error other claims than those of the list
  issuers([a, b], { opaque: plain });
  void [chosen, id];
}

/** tenants has the claims and the vocabularies of what load returns. */
export async function manyTenants(request: Request): Promise<void> {
  const authorizer = tenants(
    ({ header }) => header?.('host')[0],
    async (tenant) => (tenant === 'a' ? a : undefined),
    { max: 10 },
  );
  const synchronous: Authorizer = tenants(
    () => 'a',
    () => found,
  );
  const { claims } = await authorizer.authorize(request, { scopes: ['read'] });
  const id: string = claims.id;
  // @ts-expect-error mistyped
  authorizer.guard({ roles: ['amdin'] });
  const hostOf = () => 'a';
  const load = () => a;
  // @ts-expect-error the tenant must be known synchronously
  tenants(async () => 'a', load);
  // @ts-expect-error a number is not a tenant
  tenants(() => 1, load);
  // @ts-expect-error options are not an authorizer
  tenants(hostOf, () => options);
  // @ts-expect-error an unknown option
  tenants(hostOf, load, { maximum: 10 });
  // @ts-expect-error load is missing
  tenants(hostOf);
  void [synchronous, id];
}

/** Every adapter accepts both, and its policies keep the vocabularies. */
export function adapters(): void {
  for (const authorizer of [
    issuers([a, b]),
    tenants(
      () => 'a',
      () => a,
    ),
  ]) {
    const web = introspectWeb(authorizer);
    web.withToken({ scopes: ['read'] }, (_, token) => new Response(token.claims.id));
    // @ts-expect-error mistyped
    web.requireToken({ scopes: ['reed'] });
    introspectHono(authorizer).withToken({ anyRole: ['admin'] }, (c, token) => c.text(token.claims.id));
    // @ts-expect-error mistyped
    introspectHono(authorizer).requireToken({ anyRole: ['amdin'] });
    introspectExpress(authorizer).withToken({ scopes: ['read'] }, (_, res, token) => res.json(token.claims.id));
    // @ts-expect-error mistyped
    introspectExpress(authorizer).requireToken({ scopes: ['reed'] });
    const app = Fastify().register(fastifyPlugin, { authorizer });
    app.requireToken<typeof authorizer>({ scopes: ['read'] });
    // @ts-expect-error mistyped
    app.requireToken<typeof authorizer>({ scopes: ['reed'] });
    IntrospectModule.forRoot(authorizer);
  }
}
