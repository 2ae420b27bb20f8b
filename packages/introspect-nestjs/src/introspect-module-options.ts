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

/** Only the builder uses this token. A provider with it would hold the options, whose secrets could then be printed. */
const optionsToken = Symbol('@acme/introspect-nestjs/options');

/** Global unless `isGlobal` is false, so that a guard in a feature module finds its authorizer. */
export const { ConfigurableModuleClass, OPTIONS_TYPE } = new ConfigurableModuleBuilder<IntrospectModuleOptions>({
  optionsInjectionToken: optionsToken,
  alwaysTransient: true, // Nest cannot compare the options, so it would take two modules with different options for one
})
  .setClassMethodName('forRoot')
  .setExtras({ isGlobal: true }, ({ providers = [], ...definition }, { isGlobal }) => ({
    ...definition,
    global: isGlobal,
    providers: providers.map(keepingNoOptions),
  }))
  .build();

/** Replaces the provider of the options by a provider of the runtime that is made of them. */
function keepingNoOptions(provider: Provider): Provider {
  if (!('useFactory' in provider) || provider.provide !== optionsToken) return provider;
  const { inject = [], useFactory } = provider;
  return {
    provide: INTROSPECT_RUNTIME,
    inject,
    useFactory: async (...injected: unknown[]) => new IntrospectRuntime(await useFactory(...injected)),
  };
}
