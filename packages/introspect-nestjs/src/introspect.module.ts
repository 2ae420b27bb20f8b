import { Authorizer } from '@acme/introspect-core';
import { type AuthorizerSource, resourceMetadataOf, splitOptions } from '@acme/introspect-core/adapter';
import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Module,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, HttpAdapterHost, MetadataScanner } from '@nestjs/core';
import { IntrospectGuard } from './introspect-guard.js';
import { INTROSPECT_RUNTIME, type IntrospectModuleOptions, IntrospectRuntime } from './introspect-runtime.js';
import { guardUnknownHandlers, lostProtection, needsToken } from './route-policies.js';

/** Only the builder uses this token. A provider with it would hold the options, whose secrets could then be printed. */
const optionsToken = Symbol('@acme/introspect-nestjs/options');

/** Global unless `isGlobal` is false, so that a guard in a feature module finds its authorizer. */
const { ConfigurableModuleClass, OPTIONS_TYPE } = new ConfigurableModuleBuilder<IntrospectModuleOptions>({
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

/** `IntrospectModule.forRoot({ issuer, clientId, clientSecret })`, or `forRootAsync`: one authorizer for the app. */
@Module({
  imports: [DiscoveryModule],
  providers: [IntrospectGuard],
  exports: [INTROSPECT_RUNTIME, IntrospectGuard],
})
export class IntrospectModule extends ConfigurableModuleClass implements OnModuleInit {
  static override forRoot(options: AuthorizerSource<unknown> | typeof OPTIONS_TYPE): DynamicModule {
    if (options instanceof Authorizer || typeof options === 'function') {
      return super.forRootAsync({ useFactory: () => ({ authorizer: options }) });
    }
    if (!options) return super.forRootAsync({ useFactory: () => options });
    const [{ isGlobal = true }, others] = splitOptions(options as { isGlobal?: boolean }, ['isGlobal']);
    return super.forRootAsync({ isGlobal, useFactory: () => others as IntrospectModuleOptions });
  }

  readonly #runtime: IntrospectRuntime;
  readonly #host: HttpAdapterHost;
  readonly #discovery: DiscoveryService;
  readonly #scanner: MetadataScanner;

  constructor(
    @Inject(INTROSPECT_RUNTIME) runtime: IntrospectRuntime,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(DiscoveryService) discovery: DiscoveryService,
    @Inject(MetadataScanner) scanner: MetadataScanner,
  ) {
    super();
    this.#runtime = runtime;
    this.#host = host;
    this.#discovery = discovery;
    this.#scanner = scanner;
  }

  /** Checks every policy before the first request, and serves the resource metadata beside the app's own routes. */
  onModuleInit(): void {
    for (const wrapper of [...this.#discovery.getControllers(), ...this.#discovery.getProviders()]) {
      const { metatype } = wrapper;
      if (typeof metatype !== 'function' || !metatype.prototype) continue;
      this.#checkRoutes(metatype as Type, wrapper.isDependencyTreeStatic() ? wrapper.instance : undefined);
    }
    if (this.#runtime.extras.serveResourceMetadata !== true) return;
    const { path, document } = resourceMetadataOf(this.#runtime.source);
    const { httpAdapter } = this.#host;
    httpAdapter.get(path, (_: unknown, response: unknown) => httpAdapter.reply(response, document, 200));
  }

  /** Checks the routes of a controller, or of a provider such as a resolver. `instance` is its only one, if there is one. */
  #checkRoutes(controller: Type, instance: object | undefined): void {
    const names = this.#scanner.getAllMethodNames(controller.prototype);
    if (instance === undefined && names.some((name) => needsToken(controller.prototype, name))) {
      guardUnknownHandlers(controller);
    }
    for (const name of names) {
      const problem = lostProtection({ controller, name, instance, guard: IntrospectGuard });
      if (problem !== undefined) throw new TypeError(`${controller.name}.${name}: ${problem}`);
      this.#runtime.routeOf(controller, controller.prototype[name]);
    }
  }
}
