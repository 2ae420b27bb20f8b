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
  type PlatformRequest,
  type Policy,
  type RequestContext,
  RequireToken,
  type TokenOf,
} from '../src/index.js';

const options = {
  introspectionEndpoint: 'https://issuer.example/introspect',
  clientId: 'api',
  clientSecret: 'secret',
};
const authorizer = new Authorizer({
  ...options,
  claims: ({ sub }: ActiveToken) => ({ id: Number(sub) }),
  scopes: ['items:read', 'items:write'],
  roles: ['admin'],
  rolesOf: () => ['admin'],
});
type Token = TokenOf<typeof authorizer>;

it('introspectionOf() returns a token, never null; with a type argument it has the claims of an authorizer', () => {
  const any = () => introspectionOf({} as ExecutionContext);
  expectTypeOf<ReturnType<typeof any>>().toEqualTypeOf<ActiveToken>();
  const token = () => introspectionOf<typeof authorizer>({} as ExecutionContext);
  expectTypeOf<ReturnType<typeof token>>().toEqualTypeOf<Token>();
  expectTypeOf<Token['claims']>().toEqualTypeOf<{ id: number }>();
});

it('@Introspection() decorates parameters for the token, or null', () => {
  expectTypeOf(Introspection()).toEqualTypeOf<ParameterDecorator>();
  class MeController {
    read(
      @Introspection() token: ActiveToken,
      @Introspection() optional: ActiveToken | null,
      @Introspection() typed: Token,
    ) {
      return [token.sub, optional?.sub, typed.claims.id];
    }
  }
  expectTypeOf<MeController['read']>().toBeFunction();
});

it("@Introspection('sub') compiles only on a parameter that accepts every value of the member", () => {
  class MeController {
    good(
      @Introspection('sub') sub: string | undefined,
      @Introspection('exp') exp: number | undefined,
      @Introspection('active') active: boolean,
      @Introspection('aud') any: unknown,
    ) {
      return [sub, exp, active, any];
    }
    bad(
      // @ts-expect-error: a token may have no subject
      @Introspection('sub') sub: string,
      // @ts-expect-error: the subject is a string
      @Introspection('sub') number: number | undefined,
    ) {
      return [sub, number];
    }
    /** The core knows nothing about the types of these members. */
    unchecked(@Introspection('claims') claims: Token['claims'], @Introspection('urn:plan') plan: string) {
      return [claims, plan];
    }
  }
  expectTypeOf<MeController['good']>().toBeFunction();
  // @ts-expect-error: the name of a member is a string
  Introspection(7);
});

it('@RequireToken() takes a policy, or none, for a class and for a method', () => {
  expectTypeOf<Parameters<typeof RequireToken<Authorizer>>>().toEqualTypeOf<
    [policy?: Policy<unknown, string, string, PlatformRequest> | undefined]
  >();
  @RequireToken()
  class AnyController {
    @RequireToken({ optional: true })
    read() {}
  }
  RequireToken({ scopes: ['items:read'] });
  expectTypeOf<AnyController['read']>().toBeFunction();
  // @ts-expect-error: an unknown member
  const unknown = () => RequireToken({ scope: 'items:read' });
  expectTypeOf(unknown).toBeFunction();
});

it('@RequireToken<typeof authorizer>() knows the vocabularies and the claims of the authorizer', () => {
  RequireToken<typeof authorizer>({ scopes: ['items:read'], anyOf: [{ roles: ['admin'] }] });
  RequireToken<typeof authorizer>({ check: ({ claims }) => claims.id === 1 });
  // @ts-expect-error: a scope outside the vocabulary
  RequireToken<typeof authorizer>({ scopes: ['items:raed'] });
  // @ts-expect-error: a role outside the vocabulary
  RequireToken<typeof authorizer>({ anyOf: [{ roles: ['owner'] }] });
  // @ts-expect-error: a claim that the authorizer does not have
  RequireToken<typeof authorizer>({ check: ({ claims }) => claims.name === 'a' });
});

it('a check gets the request of the platform, or of the type that it declares', () => {
  RequireToken({
    check: ({ sub }, { native }) => {
      expectTypeOf(native).toEqualTypeOf<PlatformRequest | undefined>();
      return native?.params.id === sub;
    },
  });
  interface FastifyLike extends PlatformRequest {
    readonly id: string;
  }
  RequireToken({ check: ({ jti }, { native }: RequestContext<FastifyLike>) => native?.id === jti });
  RequireToken<typeof authorizer>({ check: ({ claims }, { native }) => native?.params.id === String(claims.id) });
});

it('the package exports the types of the core', () => {
  expectTypeOf<ActiveToken>().toEqualTypeOf<CoreToken>();
  expectTypeOf<ActiveToken['urn:test:nestjs:other']>().toEqualTypeOf<unknown>();
});

it('forRoot() takes options, an authorizer, a function, and { authorizer }, each way with the extras', () => {
  expectTypeOf(IntrospectModule.forRoot(options)).toEqualTypeOf<DynamicModule>();
  IntrospectModule.forRoot({ ...options, isGlobal: false, serveResourceMetadata: true, scopes: ['a'], roles: ['b'] });
  IntrospectModule.forRoot(authorizer);
  IntrospectModule.forRoot(async () => authorizer);
  IntrospectModule.forRoot(({ headers, params }) => (headers.host === params.tenant ? authorizer : authorizer));
  IntrospectModule.forRoot({ authorizer, isGlobal: false, serveResourceMetadata: true, passPreflight: true });
  IntrospectModule.forRoot({ authorizer: ({ headers }) => (headers.host === 'a' ? authorizer : authorizer) });
  IntrospectModule.forRoot({ ...options, requestOf: (context) => context.getArgByIndex(2) });
  // @ts-expect-error: an unknown option
  IntrospectModule.forRoot({ ...options, url: 'https://a.example' });
  // @ts-expect-error: errorBody replaces it
  IntrospectModule.forRoot({ ...options, onError: () => {} });
  // @ts-expect-error: an existing authorizer has its own options
  IntrospectModule.forRoot({ authorizer, realm: 'api' });
});

it('forRootAsync() takes a factory that returns what forRoot() takes, except isGlobal', () => {
  IntrospectModule.forRootAsync({
    inject: ['settings'],
    isGlobal: false,
    useFactory: async (given: typeof options) => ({ ...given, requestOf: (context) => context.getArgByIndex(2) }),
  });
  IntrospectModule.forRootAsync({ useFactory: () => authorizer });
  IntrospectModule.forRootAsync({ useFactory: () => ({ authorizer }) });
});

it('errorBody and rolesOf get the request of the platform', () => {
  type ErrorBody = NonNullable<IntrospectModuleOptions['errorBody']>;
  expectTypeOf<Parameters<ErrorBody>>().toEqualTypeOf<[error: AuthorizerError, native: PlatformRequest]>();
  expectTypeOf<ReturnType<ErrorBody>>().toEqualTypeOf<object>();
  type RolesOf = NonNullable<IntrospectModuleOptions['rolesOf']>;
  expectTypeOf<Parameters<RolesOf>[1]['native']>().toEqualTypeOf<PlatformRequest | undefined>();
});
