import type { RequestError } from '@acme/introspect-core';
import type { AuthorizerInput } from '@acme/introspect-core/adapter';
import { ConfigurableModuleBuilder, type ExecutionContext } from '@nestjs/common';

export interface IntrospectExtras {
  /** Serves the RFC 9728 document of `resource`, unguarded. */
  serveResourceMetadata?: boolean;
  /** Called in place of the guard's answer. It must throw; else the guard does. */
  onError?: (error: RequestError, context: ExecutionContext) => unknown;
  /** Finds the HTTP request where the context is of another kind than `http`, such as GraphQL's. */
  requestOf?: (context: ExecutionContext) => object | undefined;
}

/** The options of an `Authorizer`, or `{ authorizer }`: one, or a function that chooses one for each request. */
export type IntrospectModuleOptions = Exclude<AuthorizerInput<unknown>, (...args: never) => unknown> & IntrospectExtras;

/** Global unless `isGlobal` is false, so that a guard in a feature module finds its authorizer. */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<IntrospectModuleOptions>({ moduleName: 'Introspect' })
    .setClassMethodName('forRoot')
    .setExtras({ isGlobal: true }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
    .build();
