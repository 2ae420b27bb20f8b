import type { ActiveToken as CoreToken } from '@acme/introspect-core';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { hc, InferResponseType } from 'hono/client';
import * as v from 'valibot';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type ActiveToken,
  Authorizer,
  type AuthorizerError,
  type IntrospectionEnv,
  type IntrospectOptions,
  introspect,
  type Policy,
  type TokenOf,
} from '../src/index.js';

declare module '@acme/introspect-core' {
  interface ActiveToken {
    readonly 'urn:test:hono:plan'?: 'free' | 'paid';
  }
}

const options = {
  introspectionEndpoint: 'https://issuer.example/introspect',
  clientId: 'api',
  clientSecret: 'secret',
};
const { requireToken, withToken, introspectionOf, authorizer } = introspect(options);
type Token = TokenOf<typeof authorizer>;

describe('c.var.introspection is a token', () => {
  it('if the middleware is inline', () => {
    new Hono().get('/me', requireToken(), (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<Token>();
      expectTypeOf(c.get('introspection')).toEqualTypeOf<Token>();
      return c.json(c.var.introspection.sub ?? null);
    });
    new Hono().get('/items', requireToken({ scopes: ['items:read'] }), (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<Token>();
      return c.body(null);
    });
  });

  it('if the routes are chained to it', () => {
    new Hono().use(requireToken()).get('/me', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<Token>();
      return c.body(null);
    });
    new Hono().use('/api/*', requireToken()).get('/api/me', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<Token>();
      return c.body(null);
    });
  });

  it('if the app is a Hono<IntrospectionEnv>', () => {
    const app = new Hono<IntrospectionEnv>();
    app.use('/api/*', requireToken());
    app.get('/api/me', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken>();
      return c.body(null);
    });
  });

  it("beside the app's own variables", () => {
    new Hono<{ Variables: { requestId: string } }>().get('/me', requireToken(), (c) => {
      expectTypeOf(c.var.requestId).toEqualTypeOf<string>();
      expectTypeOf(c.var.introspection).toEqualTypeOf<Token>();
      return c.body(null);
    });
  });
});

describe('c.var.introspection is a token or null', () => {
  it('if the policy is optional: inline, chained, and in the environment', () => {
    new Hono().get('/', requireToken({ optional: true }), (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<Token | null>();
      // @ts-expect-error: it may be null
      const sub = () => c.var.introspection.sub;
      expectTypeOf(sub).toBeFunction();
      return c.body(null);
    });
    new Hono().use(requireToken({ optional: true })).get('/', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<Token | null>();
      return c.body(null);
    });
    const app = new Hono<IntrospectionEnv<ActiveToken | null>>();
    app.use(requireToken({ optional: true }));
    app.get('/', (c) => {
      expectTypeOf(c.var.introspection).toEqualTypeOf<ActiveToken | null>();
      return c.body(null);
    });
  });

  it('if the compiler does not know whether the policy is optional', () => {
    const policy: Policy = {};
    expectTypeOf(requireToken(policy)).toEqualTypeOf<MiddlewareHandler<IntrospectionEnv<Token | null>>>();
    expectTypeOf(requireToken({ optional: false })).toEqualTypeOf<MiddlewareHandler<IntrospectionEnv<Token>>>();
    expectTypeOf(requireToken({ scopes: ['a'], check: () => true })).toEqualTypeOf<
      MiddlewareHandler<IntrospectionEnv<Token>>
    >();
    expectTypeOf(requireToken({ optional: true, check: (token) => token.sub === 'a' })).toEqualTypeOf<
      MiddlewareHandler<IntrospectionEnv<Token | null>>
    >();
  });
});

it('c.var has no introspection on a route without a guard', () => {
  new Hono().get('/', (c) => {
    // @ts-expect-error: no guard is mounted here
    expectTypeOf(c.var.introspection).toBeUndefined();
    return c.body(null);
  });
  const app = new Hono();
  app.use(requireToken());
  app.get('/', (c) => {
    // @ts-expect-error: a separate statement does not change the type of the app
    expectTypeOf(c.var.introspection).toBeUndefined();
    return c.body(null);
  });
});

it('ActiveToken has a claim that the user added to the core', () => {
  expectTypeOf<ActiveToken>().toEqualTypeOf<CoreToken>();
  new Hono().get('/', requireToken(), (c) => {
    expectTypeOf(c.var.introspection['urn:test:hono:plan']).toEqualTypeOf<'free' | 'paid' | undefined>();
    expectTypeOf(c.var.introspection['urn:test:hono:other']).toEqualTypeOf<unknown>();
    return c.body(null);
  });
});

describe('withToken', () => {
  it('gives the handler a token', () => {
    withToken({ scopes: ['items:read'] }, (c, token) => {
      expectTypeOf(c).toEqualTypeOf<Context>();
      expectTypeOf(token).toEqualTypeOf<Token>();
      return c.json({});
    });
  });

  it('accepts a handler with a Context of its own, which has the path and the variables of the app', () => {
    interface Env {
      Variables: { requestId: string };
    }
    new Hono<Env>().get(
      '/items/:id',
      withToken({}, (c: Context<Env, '/items/:id'>) => {
        expectTypeOf(c.var.requestId).toEqualTypeOf<string>();
        expectTypeOf(c.req.param('id')).toEqualTypeOf<string>();
        return c.json({});
      }),
    );
  });

  it('keeps the type of the response for clients of the app, and the variables of the app', () => {
    const app = new Hono<{ Variables: { requestId: string } }>()
      .get(
        '/me',
        withToken({}, async (c, { sub = '' }) => c.json({ sub, age: 7 })),
      )
      .get('/after', (c) => {
        expectTypeOf(c.var.requestId).toEqualTypeOf<string>();
        return c.json({});
      });
    type Client = ReturnType<typeof hc<typeof app>>;
    expectTypeOf<InferResponseType<Client['me']['$get']>>().toEqualTypeOf<{ sub: string; age: number }>();
  });

  it('gives the handler a token or null if the policy is or may be optional', () => {
    withToken({ optional: true }, (c, token) => {
      expectTypeOf(token).toEqualTypeOf<Token | null>();
      return c.json({});
    });
    const policy: Policy = {};
    withToken(policy, (c, token) => {
      expectTypeOf(token).toEqualTypeOf<Token | null>();
      return c.json({});
    });
  });

  it('gives introspectionOf the type of the token', () => {
    expectTypeOf(introspectionOf).returns.toEqualTypeOf<Token>();
    withToken({}, (c) => {
      expectTypeOf(introspectionOf(c)).toEqualTypeOf<Token>();
      return c.json({});
    });
  });
});

describe('token.claims has the type of the option claims', () => {
  const schema = v.object({
    organization: v.pipe(v.string(), v.transform(Number)),
    plan: v.picklist(['free', 'paid']),
  });
  interface Claims {
    organization: number;
    plan: 'free' | 'paid';
  }
  const bySchema = introspect({ ...options, claims: schema });
  const byFunction = introspect({
    ...options,
    claims: (token): Claims => ({ organization: Number(token.org), plan: 'free' }),
  });
  const byAuthorizer = introspect(new Authorizer({ ...options, claims: schema }));
  const bySharedAuthorizer = introspect({ authorizer: new Authorizer({ ...options, claims: schema }) });

  it.each([bySchema, byFunction, byAuthorizer, bySharedAuthorizer])(
    'in c.var, handlers, introspectionOf and check',
    ({ requireToken, withToken, introspectionOf, authorizer }) => {
      expectTypeOf<TokenOf<typeof authorizer>['claims']>().toEqualTypeOf<Claims>();
      new Hono().get('/', requireToken(), (c) => {
        expectTypeOf(c.var.introspection.claims).toEqualTypeOf<Claims>();
        expectTypeOf(introspectionOf(c).claims).toEqualTypeOf<Claims>();
        return c.json({});
      });
      new Hono().get('/', requireToken({ optional: true }), (c) => {
        expectTypeOf(c.var.introspection?.claims).toEqualTypeOf<Claims | undefined>();
        return c.json({});
      });
      withToken({}, (c, { claims }) => {
        expectTypeOf(claims).toEqualTypeOf<Claims>();
        return c.json(claims);
      });
      requireToken({
        check(token) {
          expectTypeOf(token.claims).toEqualTypeOf<Claims>();
          // @ts-expect-error: the claims have no such member
          return token.claims.organisation === 1;
        },
        anyOf: [
          {
            check: (token) => {
              expectTypeOf(token.claims).toEqualTypeOf<Claims>();
              return true;
            },
          },
        ],
      });
    },
  );

  it('in an app that is a Hono<IntrospectionEnv<TokenOf<typeof authorizer>>>', () => {
    const { authorizer } = bySchema;
    const app = new Hono<IntrospectionEnv<TokenOf<typeof authorizer>>>();
    app.use(bySchema.requireToken());
    app.get('/', (c) => {
      expectTypeOf(c.var.introspection.claims).toEqualTypeOf<Claims>();
      return c.json({});
    });
  });

  it('and is unknown without the option', () => {
    expectTypeOf<Token['claims']>().toEqualTypeOf<unknown>();
  });
});

describe('a vocabulary', () => {
  const declare = () => {
    const { requireToken, withToken } = introspect({
      ...options,
      scopes: ['items:read', 'items:write'],
      roles: ['admin'],
      rolesOf: () => [],
    });
    requireToken({ scopes: ['items:read'], anyScope: ['items:write'], roles: ['admin'], anyRole: ['admin'] });
    requireToken({ anyOf: [{ scopes: ['items:read'] }, { roles: ['admin'] }] });
    // @ts-expect-error: a mistyped scope
    requireToken({ scopes: ['items:raed'] });
    // @ts-expect-error: a mistyped scope
    requireToken({ anyScope: ['items:raed'] });
    // @ts-expect-error: a mistyped role
    requireToken({ roles: ['amdin'] });
    // @ts-expect-error: a mistyped role
    withToken({ anyRole: ['amdin'] }, (c) => c.json({}));
    // @ts-expect-error: a mistyped scope
    requireToken({ anyOf: [{ scopes: ['items:raed'] }] });
    const given = introspect(new Authorizer({ ...options, scopes: ['items:read'] }));
    // @ts-expect-error: a mistyped scope
    given.requireToken({ scopes: ['items:raed'] });
    const shared = introspect({ authorizer: new Authorizer({ ...options, scopes: ['items:read'] }) });
    // @ts-expect-error: a mistyped scope
    shared.requireToken({ scopes: ['items:raed'] });
  };

  it('makes a mistyped scope or role a compile error', () => {
    expectTypeOf(declare).toBeFunction();
  });
});

describe('introspect', () => {
  it('makes a mistyped member of a policy or of the options a compile error', () => {
    const declare = () => {
      // @ts-expect-error: a mistyped member
      requireToken({ scope: ['items:read'] });
      // @ts-expect-error: a mistyped member beside another one
      requireToken({ scopes: ['items:read'], optinal: true });
      // @ts-expect-error: a mistyped option
      introspect({ ...options, cach: { maxAgeSeconds: 1 } });
      // @ts-expect-error: an option beside authorizer
      introspect({ authorizer, realm: 'x' });
    };
    expectTypeOf(declare).toBeFunction();
  });

  it('gives check, rolesOf and errorBody the Context of Hono', () => {
    const { requireToken } = introspect({
      ...options,
      rolesOf: (token, { native }) => {
        expectTypeOf(native).toEqualTypeOf<Context | undefined>();
        return [String(token.role)];
      },
      errorBody: (error, c) => {
        expectTypeOf(error).toEqualTypeOf<AuthorizerError>();
        expectTypeOf(c).toEqualTypeOf<Context>();
        return { title: error.code, instance: c.req.path };
      },
    });
    requireToken({
      check(token, { native }) {
        expectTypeOf(native).toEqualTypeOf<Context | undefined>();
        return native?.req.param('owner') === token.sub;
      },
    });
  });

  it('accepts a function, whose argument is the Context, and returns no authorizer then', () => {
    const bound = introspect((c) => {
      expectTypeOf(c).toEqualTypeOf<Context>();
      return authorizer;
    });
    expectTypeOf(bound.requireToken()).toEqualTypeOf<MiddlewareHandler<IntrospectionEnv<Token>>>();
    // @ts-expect-error: there is not one authorizer
    expectTypeOf(bound.authorizer).toBeUndefined();
    expectTypeOf(introspect).toBeCallableWith({ authorizer: async () => authorizer, passPreflight: true });
    expectTypeOf(introspect).toBeCallableWith({ authorizer, serveResourceMetadata: true });
  });

  it('accepts options of the type IntrospectOptions', () => {
    const given: IntrospectOptions = { ...options, serveResourceMetadata: false, cache: { maxAgeSeconds: 1 } };
    expectTypeOf(introspect(given).authorizer).toEqualTypeOf<Authorizer>();
  });
});
