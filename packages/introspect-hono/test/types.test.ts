import type { ActiveToken as CoreToken } from '@acme/introspect-core';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type ActiveToken,
  Authorizer,
  type AuthorizerError,
  type IntrospectionEnv,
  type Policy,
  type RequireTokenExtras,
  requireToken,
} from '../src/index.js';

declare module '@acme/introspect-core' {
  interface ActiveToken {
    readonly 'urn:test:hono:plan'?: 'free' | 'paid';
  }
}

const authorizer = new Authorizer({
  introspectionEndpoint: 'https://issuer.example/introspect',
  clientId: 'api',
  clientSecret: 'secret',
});

describe('c.var.introspection is a token', () => {
  it('where the middleware stands inline', () => {
    new Hono().get('/me', requireToken(authorizer), (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken>();
      expectTypeOf(c.get('introspection')).toEqualTypeOf<ActiveToken>();
      return c.json(c.var.introspection.sub ?? null);
    });
    new Hono().get('/items', requireToken(authorizer, { scopes: ['items:read'] }), (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken>();
      return c.body(null);
    });
  });

  it('where the routes are chained to it', () => {
    new Hono().use(requireToken(authorizer)).get('/me', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken>();
      return c.body(null);
    });
    new Hono().use('/api/*', requireToken(authorizer)).get('/api/me', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken>();
      return c.body(null);
    });
  });

  it('where the app says so: new Hono<IntrospectionEnv>()', () => {
    const app = new Hono<IntrospectionEnv>();
    app.use('/api/*', requireToken(authorizer));
    app.get('/api/me', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken>();
      return c.body(null);
    });
  });

  it('beside the variables of the user', () => {
    new Hono<{ Variables: { requestId: string } }>().get('/me', requireToken(authorizer), (c) => {
      expectTypeOf(c.var.requestId).toEqualTypeOf<string>();
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken>();
      return c.body(null);
    });
  });
});

describe('c.var.introspection is a token or null', () => {
  it('where the policy is optional: inline, chained, and in the environment', () => {
    new Hono().get('/', requireToken(authorizer, { optional: true }), (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken | null>();
      // @ts-expect-error: it may be null
      const sub = () => c.var.introspection.sub;
      expectTypeOf(sub).toBeFunction();
      return c.body(null);
    });
    new Hono().use(requireToken(authorizer, { optional: true })).get('/', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken | null>();
      return c.body(null);
    });
    const app = new Hono<IntrospectionEnv<ActiveToken | null>>();
    app.use(requireToken(authorizer, { optional: true }));
    app.get('/', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken | null>();
      return c.body(null);
    });
  });

  it('where the policy is not known to be required', () => {
    const policy: Policy = {};
    expectTypeOf(requireToken(authorizer, policy)).toEqualTypeOf<
      MiddlewareHandler<IntrospectionEnv<ActiveToken | null>>
    >();
    expectTypeOf(requireToken(authorizer, { optional: false })).toEqualTypeOf<MiddlewareHandler<IntrospectionEnv>>();
  });
});

it('claims nothing on a route without it', () => {
  new Hono().get('/', (c) => {
    // @ts-expect-error: nothing was mounted here
    expectTypeOf(c.var.introspection).toBeUndefined();
    return c.body(null);
  });
  const app = new Hono();
  app.use(requireToken(authorizer));
  app.get('/', (c) => {
    // @ts-expect-error: a statement of its own does not reach the type of the app
    expectTypeOf(c.var.introspection).toBeUndefined();
    return c.body(null);
  });
});

it('shows a claim that the user added to the core', () => {
  expectTypeOf<ActiveToken>().toEqualTypeOf<CoreToken>();
  new Hono().get('/', requireToken(authorizer), (c) => {
    expectTypeOf(c.var.introspection['urn:test:hono:plan']).toEqualTypeOf<'free' | 'paid' | undefined>();
    expectTypeOf(c.var.introspection['urn:test:hono:other']).toEqualTypeOf<unknown>();
    return c.body(null);
  });
});

it('takes an authorizer, a function, { authorizer } and options, and onError gets the typed error', () => {
  expectTypeOf(requireToken).toBeCallableWith(authorizer);
  expectTypeOf(requireToken).toBeCallableWith({ authorizer: async () => authorizer, serveResourceMetadata: true });
  requireToken((c) => {
    expectTypeOf(c).toEqualTypeOf<Context>();
    return authorizer;
  });
  type OnError = NonNullable<RequireTokenExtras['onError']>;
  expectTypeOf<Parameters<OnError>>().toEqualTypeOf<[error: AuthorizerError, c: Context]>();
});
