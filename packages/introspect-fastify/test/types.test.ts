import type { ActiveToken as CoreToken } from '@acme/introspect-core';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { expectTypeOf, it } from 'vitest';
import {
  type ActiveToken,
  type Authorizer,
  type AuthorizerError,
  type IntrospectOptions,
  introspectionOf,
  type Policy,
} from '../src/index.js';

declare module '@acme/introspect-core' {
  interface ActiveToken {
    readonly 'urn:test:fastify:plan'?: 'free' | 'paid';
  }
}

it('says that request.introspection may be null', () => {
  expectTypeOf<FastifyRequest['introspection']>().toEqualTypeOf<ActiveToken | null>();
});

it('says that introspectionOf gives a token', () => {
  expectTypeOf(introspectionOf).toBeCallableWith({} as FastifyRequest);
  expectTypeOf(introspectionOf).returns.toEqualTypeOf<ActiveToken>();
});

it('says that requireToken takes a policy, or none', () => {
  expectTypeOf<Parameters<FastifyInstance['requireToken']>>().toEqualTypeOf<[policy?: Policy | undefined]>();
});

it('shows a claim that the user added to the core', () => {
  expectTypeOf<ActiveToken>().toEqualTypeOf<CoreToken>();
  expectTypeOf<ActiveToken['urn:test:fastify:plan']>().toEqualTypeOf<'free' | 'paid' | undefined>();
  expectTypeOf<NonNullable<FastifyRequest['introspection']>['urn:test:fastify:plan']>().toEqualTypeOf<
    'free' | 'paid' | undefined
  >();
  expectTypeOf<ActiveToken['urn:test:fastify:other']>().toEqualTypeOf<unknown>();
});

it('takes options, or { authorizer }: one, or a function, and each with the extras', () => {
  const authorizer = {} as Authorizer;
  expectTypeOf<{ authorizer: Authorizer; global: true }>().toExtend<IntrospectOptions>();
  expectTypeOf<{ authorizer: (request: FastifyRequest) => Promise<Authorizer> }>().toExtend<IntrospectOptions>();
  expectTypeOf<{ issuer: string; clientId: string; serveResourceMetadata: true }>().toExtend<IntrospectOptions>();
  // @ts-expect-error: Fastify's register takes an object of options, and copies it
  const bare: IntrospectOptions = authorizer;
  expectTypeOf(bare).not.toBeAny();
});

it('gives onError the typed error', () => {
  type OnError = NonNullable<IntrospectOptions['onError']>;
  expectTypeOf<Parameters<OnError>[0]>().toEqualTypeOf<AuthorizerError>();
  expectTypeOf<Parameters<OnError>[1]>().toEqualTypeOf<FastifyRequest>();
});

it('fits an app of any kind: over HTTP/2, over TLS, and with a schema', () => {
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
