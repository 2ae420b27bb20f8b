// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import type { IncomingMessage } from 'node:http';
import {
  type ActiveToken,
  Authorizer,
  issuers,
  type RequestContext,
  type TokenWatch,
  tenants,
} from '@acme/introspect-core';
import { nodeRequestContext } from '@acme/introspect-core/adapter';
import type { Request as ExpressRequest } from 'express';
import type { FastifyRequest } from 'fastify';
import type { Context } from 'hono';

const authorizer = new Authorizer({
  issuer: 'https://as.example',
  clientId: 'api',
  clientSecret: 's',
  claims: (token) => ({ id: String(token.sub) }),
  scopes: ['events:read'],
});
declare const signal: AbortSignal;

/** The token has the claims, and is null only for an optional policy. */
export async function tokens(request: Request): Promise<void> {
  const watch: TokenWatch<{ id: string }> = await authorizer.watch(request, { scopes: ['events:read'] }, { signal });
  const id: string = watch.token.claims.id;
  const reason: unknown = watch.signal.reason;
  const { token } = await authorizer.watch(request, { optional: true });
  const optional: ActiveToken | null = token;
  // @ts-expect-error null without a token
  token.claims;
  // @ts-expect-error mistyped
  await authorizer.watch(request, { scopes: ['events:reed'] });
  // @ts-expect-error the signal is an option, and not the argument itself
  await authorizer.watch(request, {}, signal);
  // @ts-expect-error an unknown option
  await authorizer.watch(request, {}, { everySeconds: 10 });
  // @ts-expect-error the watch is a promise
  authorizer.watch(request).signal;
  void [id, reason, optional];
}

/** The requests of frameworks: web-standard ones as they are, those of Node as a context. */
export async function requests(
  hono: Context,
  express: ExpressRequest,
  fastify: FastifyRequest,
  upgrade: IncomingMessage,
): Promise<void> {
  await authorizer.watch(hono.req.raw);
  await authorizer.watch({ token: 'from the first message' });
  for (const request of [express, fastify.raw, upgrade]) await authorizer.watch(nodeRequestContext(request));
  const context: RequestContext<ExpressRequest> = nodeRequestContext(express);
  const ofFastify: RequestContext<FastifyRequest> = nodeRequestContext(fastify.raw, undefined, fastify);
  // @ts-expect-error the request of Fastify is not one of Node
  nodeRequestContext(fastify);
  // @ts-expect-error a request of Node is not web-standard
  await authorizer.watch(upgrade);
  await authorizer.watch(context, { check: (_, { native }: RequestContext<ExpressRequest>) => native?.path === '/' });
  await authorizer.watch(ofFastify, { check: (_, { native }: RequestContext<FastifyRequest>) => native?.id !== '' });
  // @ts-expect-error the context has a method, and not a path
  await authorizer.watch(context, { check: (_, { path }) => path !== undefined });
}

/** The groups of authorizers have it too. */
export async function groups(request: Request): Promise<void> {
  for (const group of [
    issuers([authorizer]),
    tenants(
      () => 'a',
      () => authorizer,
    ),
  ]) {
    const { token } = await group.watch(request, { scopes: ['events:read'] }, { signal });
    const id: string = token.claims.id;
    // @ts-expect-error mistyped
    await group.watch(request, { scopes: ['events:reed'] });
    void id;
  }
}
