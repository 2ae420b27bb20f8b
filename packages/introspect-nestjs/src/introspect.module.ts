import { type AnyAuthorizer, Authorizer, type AuthorizerOptions, isAuthorizer } from '@acme/introspect-core';
import type { AuthorizerOrChooser, ChooseAuthorizer, SharedAuthorizer } from '@acme/introspect-core/adapter';
import { adapterOptions, nodeTransport, splitOptions } from '@acme/introspect-core/adapter';
import type {
  ConfigurableModuleAsyncOptions,
  DynamicModule,
  OnApplicationShutdown,
  OnModuleInit,
  Provider,
} from '@nestjs/common';
import { ConfigurableModuleBuilder, Inject, Module } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { IntrospectExtras, PlatformRequest } from './introspect-guard.js';
import { INTROSPECT_RUNTIME, IntrospectGuard, IntrospectRuntime } from './introspect-guard.js';
import { checkApp } from './start-up-checks.js';

/** The options of an `Authorizer`, and those of the module. */
export type IntrospectModuleOptions = AuthorizerOptions<unknown, string, string, PlatformRequest> & IntrospectExtras;

type Shared = SharedAuthorizer<AuthorizerOrChooser<PlatformRequest>> & IntrospectExtras;
type Input = IntrospectModuleOptions | Shared | AuthorizerOrChooser<PlatformRequest>;

interface Scope {
  /**
   * Whether every module of the app finds the guard and the `Authorizer`, or only those that import this module.
   *
   * @default true
   */
  isGlobal?: boolean;
}

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<Input>({
  optionsInjectionToken: INTROSPECT_RUNTIME,
  alwaysTransient: true, // Nest cannot compare the options, so it would take two modules with different options for one
}).build();

/** Undefined if a function chooses the authorizer: then the start-up checks reject each class that injects it. */
const authorizerOf = ({ options }: IntrospectRuntime) => options.authorizer;

/**
 * Provides the guard, and one `Authorizer` that constructors can inject.
 *
 * @example
 * ```ts
 * @Module({ imports: [IntrospectModule.forRoot({ issuer, clientId, clientSecret })] })
 * export class AppModule {}
 * ```
 */
@Module({
  providers: [IntrospectGuard, { provide: Authorizer, inject: [INTROSPECT_RUNTIME], useFactory: authorizerOf }],
  exports: [INTROSPECT_RUNTIME, IntrospectGuard, Authorizer],
})
export class IntrospectModule implements OnModuleInit, OnApplicationShutdown {
  /**
   * Takes the options of an authorizer, an existing one, or a function that chooses one for each request. An authorizer
   * that is made of options is closed with the app.
   *
   * The app does not start if an option or the policy of a route is invalid.
   *
   * @example
   * ```ts
   * IntrospectModule.forRoot({ issuer, clientId, clientSecret, cache: { maxAgeSeconds: 60 } })
   * ```
   */
  static forRoot(options: IntrospectModuleOptions & Scope): DynamicModule;
  static forRoot(shared: Shared & Scope): DynamicModule;
  static forRoot<Of extends AnyAuthorizer>(authorizer: Of | ChooseAuthorizer<PlatformRequest, Of>): DynamicModule;
  static forRoot(input: Input): DynamicModule {
    const isObject = typeof input === 'object' && input !== null && !isAuthorizer(input);
    const [{ isGlobal = true }, options] = isObject ? splitOptions(input as Scope, ['isGlobal']) : [{} as Scope, input];
    return IntrospectModule.forRootAsync({ isGlobal, useFactory: () => options as Input });
  }

  /**
   * Like `forRoot`, with a factory (`useFactory`, `useClass` or `useExisting`) that returns what `forRoot` takes. Only
   * `isGlobal` is not for the factory to return.
   */
  static forRootAsync({ isGlobal = true, ...options }: ConfigurableModuleAsyncOptions<Input> & Scope): DynamicModule {
    const { providers = [], ...definition } = ConfigurableModuleClass.registerAsync(options);
    return { ...definition, module: IntrospectModule, global: isGlobal, providers: providers.map(withoutOptions) };
  }

  readonly #runtime: IntrospectRuntime;
  readonly #modules: ModulesContainer;
  readonly #host: HttpAdapterHost;

  constructor(
    @Inject(INTROSPECT_RUNTIME) runtime: IntrospectRuntime,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    this.#runtime = runtime;
    this.#modules = modules;
    this.#host = host;
  }

  /** Checks the app before the first request, and serves the resource metadata beside its routes. */
  onModuleInit(): void {
    checkApp(this.#modules, this.#runtime);
    const { metadata } = this.#runtime.options;
    if (metadata === undefined) return;
    const { httpAdapter } = this.#host;
    httpAdapter.get(metadata.path, (_: unknown, res: unknown) => httpAdapter.reply(res, metadata.document, 200));
  }

  /** Closes the authorizer if the module made it. Nest calls this on `app.close()`. */
  onApplicationShutdown(): Promise<void> {
    return this.#runtime.options.close();
  }
}

/** Makes the runtime of the options: a provider of the options would hold secrets, which could then be printed. */
function withoutOptions(provider: Provider): Provider {
  if (!('useFactory' in provider) || provider.provide !== INTROSPECT_RUNTIME) return provider;
  const useFactory = async (...injected: unknown[]) => {
    const input = await provider.useFactory(...injected);
    const names = ['serveResourceMetadata', 'requestOf'] as const;
    const transport = nodeTransport(() => import('@acme/introspect-core/undici'));
    return new IntrospectRuntime(adapterOptions('IntrospectModule.forRoot', input, names, transport));
  };
  return { ...provider, useFactory };
}
