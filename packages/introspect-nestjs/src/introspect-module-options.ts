import type { RequestError } from '@acme/introspect-core';
import type { AuthorizerInput } from '@acme/introspect-core/adapter';
import { ConfigurableModuleBuilder, type ExecutionContext, type Provider } from '@nestjs/common';
import { INTROSPECT_RUNTIME, IntrospectRuntime } from './introspect-runtime.js';

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

/** Only the builder uses it: a provider of this name would keep the options, and what they hold could be printed. */
const optionsToken = Symbol('@acme/introspect-nestjs/options');

/** Global unless `isGlobal` is false, so that a guard in a feature module finds its authorizer. */
export const { ConfigurableModuleClass, OPTIONS_TYPE } = new ConfigurableModuleBuilder<IntrospectModuleOptions>({
  optionsInjectionToken: optionsToken,
  alwaysTransient: true, // two modules with different options differ in nothing else that Nest could compare
})
  .setClassMethodName('forRoot')
  .setExtras({ isGlobal: true }, ({ providers = [], ...definition }, { isGlobal }) => ({
    ...definition,
    global: isGlobal,
    providers: providers.map(keepingNoOptions),
  }))
  .build();

/** Turns the provider of the options into one of what is made of them. */
function keepingNoOptions(provider: Provider): Provider {
  if (!('useFactory' in provider) || provider.provide !== optionsToken) return provider;
  const { inject = [], useFactory } = provider;
  return {
    provide: INTROSPECT_RUNTIME,
    inject,
    useFactory: async (...injected: unknown[]) => new IntrospectRuntime(await useFactory(...injected)),
  };
}
