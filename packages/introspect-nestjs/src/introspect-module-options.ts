import { Authorizer, type RequestError } from '@acme/introspect-core';
import { type AuthorizerInput, type AuthorizerSource, authorizerSource } from '@acme/introspect-core/adapter';
import { ConfigurableModuleBuilder, type ExecutionContext, type FactoryProvider } from '@nestjs/common';

export interface IntrospectExtras {
  /** Serves the RFC 9728 document of `resource`, unguarded. */
  serveResourceMetadata?: boolean;
  /** Called in place of the guard's answer. It must throw; else the guard does. */
  onError?: (error: RequestError, context: ExecutionContext) => unknown;
  /**
   * Finds the HTTP request where the context is of another kind than `http`, such as GraphQL's. One object for each
   * request: not the one that opened a WebSocket, whose token would count for all that follows within 5 s.
   */
  requestOf?: (context: ExecutionContext) => object | undefined;
}

/** The options of an `Authorizer`, or `{ authorizer }`: one, or a function that chooses one for each request. */
export type IntrospectModuleOptions = Exclude<AuthorizerInput<unknown>, (...args: never) => unknown> & IntrospectExtras;

/** Global unless `isGlobal` is false, so that a guard in a feature module finds its authorizer. */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<IntrospectModuleOptions>({ moduleName: 'Introspect' })
    .setClassMethodName('forRoot')
    .setExtras({ isGlobal: true }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
    .build();

/** One for the app: each module that uses the guard has a guard of its own. */
export const AUTHORIZER_SOURCE = Symbol('@acme/introspect-nestjs/authorizer-source');

export const authorizerSourceProvider: FactoryProvider<AuthorizerSource<unknown>> = {
  provide: AUTHORIZER_SOURCE,
  inject: [MODULE_OPTIONS_TOKEN],
  useFactory(options: IntrospectModuleOptions) {
    if (options instanceof Authorizer || typeof options === 'function') return options;
    const { serveResourceMetadata: _, onError: __, requestOf: ___, ...input } = options;
    return authorizerSource(input);
  },
};
