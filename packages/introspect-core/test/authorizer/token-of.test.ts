import { type } from 'arktype';
import * as v from 'valibot';
import { expectTypeOf, it } from 'vitest';
import * as z from 'zod';
import { type AnyAuthorizer, Authorizer, type PolicyOf, type TokenOf } from '../../src/index.js';

const authorizer = new Authorizer({
  issuer: 'https://issuer.example',
  clientId: 'api',
  clientSecret: 'secret',
  claims: v.object({ plan: v.picklist(['free', 'paid']) }),
  scopes: ['items:read'],
});

it('TokenOf and PolicyOf have the claims and the vocabulary of an authorizer', () => {
  expectTypeOf(authorizer).toExtend<AnyAuthorizer>();
  expectTypeOf<TokenOf<typeof authorizer>['claims']>().toEqualTypeOf<{ plan: 'free' | 'paid' }>();
  expectTypeOf<NonNullable<PolicyOf<typeof authorizer>['scopes']>>().toEqualTypeOf<readonly 'items:read'[]>();
});

it('AnyAuthorizer excludes objects that only look like an authorizer', () => {
  const { ready, invalidate, stats, close, resourceMetadata, decider, passPreflight } = authorizer;
  // @ts-expect-error: only an Authorizer has the brand
  const alike: AnyAuthorizer = { ready, invalidate, stats, close, resourceMetadata, decider, passPreflight };
  expectTypeOf(alike).not.toBeAny();
});

it('the claims have the output type of a schema of each library, and the return type of a function', () => {
  const server = { issuer: 'https://issuer.example', clientId: 'api', clientSecret: 'secret' };
  const byZod = new Authorizer({ ...server, claims: z.object({ id: z.string() }) });
  const byArktype = new Authorizer({ ...server, claims: type({ id: 'string' }) });
  const byFunction = new Authorizer({ ...server, claims: ({ sub }) => (sub === undefined ? undefined : { id: sub }) });
  expectTypeOf<TokenOf<typeof byZod>['claims']>().toEqualTypeOf<{ id: string }>();
  expectTypeOf<TokenOf<typeof byArktype>['claims']>().toEqualTypeOf<{ id: string }>();
  expectTypeOf<TokenOf<typeof byFunction>['claims']>().toEqualTypeOf<{ id: string } | undefined>();
});
