import type { ActiveToken as CoreToken } from '@acme/introspect-core';
import type { DynamicModule, ExecutionContext } from '@nestjs/common';
import { expectTypeOf, it } from 'vitest';
import {
  type ActiveToken,
  Authorizer,
  type AuthorizerError,
  Introspection,
  IntrospectModule,
  type IntrospectModuleOptions,
  introspectionOf,
  type Policy,
  RequireToken,
} from '../src/index.js';

declare module '@acme/introspect-core' {
  interface ActiveToken {
    readonly 'urn:test:nestjs:plan'?: 'free' | 'paid';
  }
}

const options = {
  introspectionEndpoint: 'https://issuer.example/introspect',
  clientId: 'api',
  clientSecret: 'secret',
};

it('says that introspectionOf gives a token, or null where the policy is optional', () => {
  expectTypeOf(introspectionOf).toEqualTypeOf<(context: ExecutionContext) => ActiveToken | null>();
});

it('has @Introspection() for parameters, and nothing to give it', () => {
  expectTypeOf(Introspection()).toEqualTypeOf<ParameterDecorator>();
  class MeController {
    read(@Introspection() token: ActiveToken, @Introspection() optional: ActiveToken | null) {
      return [token.sub, optional?.sub];
    }
  }
  expectTypeOf<Parameters<MeController['read']>>().toEqualTypeOf<[token: ActiveToken, optional: ActiveToken | null]>();
});

it('says that @RequireToken() takes a policy, or none, for a class and for a method', () => {
  expectTypeOf<Parameters<typeof RequireToken>>().toEqualTypeOf<[policy?: Policy | undefined]>();
  @RequireToken()
  class AnyController {
    @RequireToken({ optional: true })
    read() {}
  }
  expectTypeOf(RequireToken).toBeCallableWith({ scopes: ['items:read'] });
  expectTypeOf<AnyController['read']>().toBeFunction();
});

it('shows a claim that the user added to the core', () => {
  expectTypeOf<ActiveToken>().toEqualTypeOf<CoreToken>();
  expectTypeOf<ActiveToken['urn:test:nestjs:plan']>().toEqualTypeOf<'free' | 'paid' | undefined>();
  expectTypeOf<ActiveToken['urn:test:nestjs:other']>().toEqualTypeOf<unknown>();
});

it('takes options, an authorizer, a function, and { authorizer }, each way with the extras', () => {
  const authorizer = new Authorizer(options);
  expectTypeOf(IntrospectModule.forRoot(options)).toEqualTypeOf<DynamicModule>();
  IntrospectModule.forRoot(authorizer);
  IntrospectModule.forRoot(async () => authorizer);
  IntrospectModule.forRoot({ authorizer, isGlobal: false, serveResourceMetadata: true });
  IntrospectModule.forRootAsync({
    inject: ['settings'],
    isGlobal: false,
    useFactory: async (given: typeof options) => ({ ...given, requestOf: (context) => context.getArgByIndex(2) }),
  });
  // @ts-expect-error: an option of no one
  IntrospectModule.forRoot({ ...options, url: 'https://a.example' });
  type OnError = NonNullable<IntrospectModuleOptions['onError']>;
  expectTypeOf<Parameters<OnError>>().toEqualTypeOf<[error: AuthorizerError, context: ExecutionContext]>();
});
