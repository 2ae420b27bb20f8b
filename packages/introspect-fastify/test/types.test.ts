import type { ActiveToken as CoreToken } from '@acme/introspect-core';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import * as v from 'valibot';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type ActiveToken,
  Authorizer,
  type AuthorizerError,
  type IntrospectOptions,
  introspect,
  introspectionOf,
  type Policy,
  type TokenHook,
  type TokenOf,
} from '../src/index.js';

declare module '@acme/introspect-core' {
  interface ActiveToken {
    readonly 'urn:test:fastify:plan'?: 'free' | 'paid';
  }
}

const options = {
  introspectionEndpoint: 'https://issuer.example/introspect',
  clientId: 'api',
  clientSecret: 'secret',
};

it('request.introspection may be null', () => {
  expectTypeOf<FastifyRequest['introspection']>().toEqualTypeOf<ActiveToken | null>();
});

it('introspectionOf returns a token', () => {
  const tokenOf = (request: FastifyRequest) => introspectionOf(request);
  expectTypeOf(tokenOf).returns.toEqualTypeOf<TokenOf<Authorizer>>();
  expectTypeOf(tokenOf).returns.toExtend<ActiveToken>();
});

it('app.authorizer is an Authorizer', () => {
  expectTypeOf<FastifyInstance['authorizer']>().toEqualTypeOf<Authorizer>();
});

it('app.requireToken accepts a policy, or nothing', () => {
  const declareHooks = (app: FastifyInstance, policy: Policy) => {
    expectTypeOf(app.requireToken()).toEqualTypeOf<TokenHook>();
    expectTypeOf(app.requireToken(policy)).toEqualTypeOf<TokenHook>();
    // @ts-expect-error: a mistyped member
    app.requireToken({ scope: ['items:read'] });
    // @ts-expect-error: a mistyped member beside another one
    app.requireToken({ scopes: ['items:read'], optinal: true });
  };
  expectTypeOf(declareHooks).toBeFunction();
});

it('ActiveToken has a claim that the user added to the core', () => {
  expectTypeOf<ActiveToken>().toEqualTypeOf<CoreToken>();
  expectTypeOf<ActiveToken['urn:test:fastify:plan']>().toEqualTypeOf<'free' | 'paid' | undefined>();
  expectTypeOf<NonNullable<FastifyRequest['introspection']>['urn:test:fastify:plan']>().toEqualTypeOf<
    'free' | 'paid' | undefined
  >();
  expectTypeOf<ActiveToken['urn:test:fastify:other']>().toEqualTypeOf<unknown>();
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
  const bySchema = new Authorizer({ ...options, claims: schema });
  const byFunction = new Authorizer({
    ...options,
    claims: (token): Claims => ({ organization: Number(token.org), plan: 'free' }),
  });

  it.each([bySchema, byFunction])('in introspectionOf and check, with the type of the authorizer', (authorizer) => {
    type Api = typeof authorizer;
    expectTypeOf<TokenOf<Api>['claims']>().toEqualTypeOf<Claims>();
    const declareRoutes = async () => {
      const app = Fastify();
      await app.register(introspect, { authorizer });
      const onRequest = app.requireToken<Api>({
        check(token) {
          expectTypeOf(token.claims).toEqualTypeOf<Claims>();
          // @ts-expect-error: the claims have no such member
          return token.claims.organisation === 1;
        },
      });
      app.get('/me', { onRequest }, async (request) => {
        const { claims } = introspectionOf<Api>(request);
        expectTypeOf(claims).toEqualTypeOf<Claims>();
        return claims;
      });
    };
    expectTypeOf(declareRoutes).toBeFunction();
  });

  it('and the plugin accepts the option', () => {
    expectTypeOf({ ...options, claims: schema, scopes: ['items:read'] }).toExtend<IntrospectOptions>();
    expectTypeOf<{ authorizer: (request: FastifyRequest) => typeof bySchema }>().toExtend<IntrospectOptions>();
  });

  it('and is unknown without the option', () => {
    expectTypeOf<TokenOf<Authorizer>['claims']>().toEqualTypeOf<unknown>();
  });
});

it('a vocabulary makes a mistyped scope or role a compile error', () => {
  const authorizer = new Authorizer({
    ...options,
    scopes: ['items:read', 'items:write'],
    roles: ['admin'],
    rolesOf: () => [],
  });
  type Api = typeof authorizer;
  const declareHooks = (app: FastifyInstance) => {
    app.requireToken<Api>({ scopes: ['items:read'], anyScope: ['items:write'], roles: ['admin'], anyRole: ['admin'] });
    // @ts-expect-error: a mistyped scope
    app.requireToken<Api>({ scopes: ['items:raed'] });
    // @ts-expect-error: a mistyped scope
    app.requireToken<Api>({ anyScope: ['items:raed'] });
    // @ts-expect-error: a mistyped role
    app.requireToken<Api>({ roles: ['amdin'] });
    // @ts-expect-error: a mistyped role
    app.requireToken<Api>({ anyOf: [{ anyRole: ['amdin'] }] });
  };
  expectTypeOf(declareHooks).toBeFunction();
});

it('check, rolesOf and errorBody get the FastifyRequest', () => {
  const declareHooks = async (app: FastifyInstance) => {
    await app.register(introspect, {
      ...options,
      rolesOf: (token, { native }) => {
        expectTypeOf(native).toEqualTypeOf<FastifyRequest | undefined>();
        return [String(token.role)];
      },
      errorBody: (error, request) => {
        expectTypeOf(error).toEqualTypeOf<AuthorizerError>();
        expectTypeOf(request).toEqualTypeOf<FastifyRequest>();
        return { title: error.code, instance: request.url };
      },
    });
    app.requireToken({
      check(token, { native }) {
        expectTypeOf(native).toEqualTypeOf<FastifyRequest | undefined>();
        return native?.hostname === token.sub;
      },
    });
  };
  expectTypeOf(declareHooks).toBeFunction();
});

it('the plugin accepts options or { authorizer }: one, or a function, and both with its own options', () => {
  const authorizer = {} as Authorizer;
  expectTypeOf<{ authorizer: Authorizer; global: true }>().toExtend<IntrospectOptions>();
  expectTypeOf<{ authorizer: (request: FastifyRequest) => Promise<Authorizer> }>().toExtend<IntrospectOptions>();
  expectTypeOf<{
    issuer: string;
    clientId: string;
    clientSecret: string;
    serveResourceMetadata: true;
  }>().toExtend<IntrospectOptions>();
  // @ts-expect-error: Fastify's register takes an object of options, and copies it
  const bare: IntrospectOptions = authorizer;
  expectTypeOf(bare).not.toBeAny();
});

it('the hook fits an app of any kind: over HTTP/2, over TLS, and with a schema', () => {
  const declareRoutes = () => {
    const http2 = Fastify({ http2: true });
    http2.get('/me', { onRequest: http2.requireToken() }, (request) => introspectionOf(request).sub);
    const https = Fastify({ https: {} });
    https.get('/me', { onRequest: https.requireToken() }, (request) => introspectionOf(request).sub);
    const http = Fastify();
    http.get<{ Params: { id: string } }>('/:id', { onRequest: [http.requireToken()] }, (request) => {
      expectTypeOf(request.introspection).toEqualTypeOf<ActiveToken | null>();
      return introspectionOf(request).sub;
    });
  };
  expectTypeOf(declareRoutes).toBeFunction();
});
