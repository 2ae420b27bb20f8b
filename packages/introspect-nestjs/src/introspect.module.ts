import { Authorizer } from '@acme/introspect-core';
import { type AuthorizerSource, resourceMetadataOf } from '@acme/introspect-core/adapter';
import { type DynamicModule, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, HttpAdapterHost, MetadataScanner } from '@nestjs/core';
import { IntrospectGuard } from './introspect-guard.js';
import {
  AUTHORIZER_SOURCE,
  authorizerSourceProvider,
  ConfigurableModuleClass,
  type IntrospectExtras,
  MODULE_OPTIONS_TOKEN,
  type OPTIONS_TYPE,
} from './introspect-module-options.js';

/** `IntrospectModule.forRoot({ issuer, clientId, clientSecret })`, or `forRootAsync`: one authorizer for the app. */
@Module({
  imports: [DiscoveryModule],
  providers: [authorizerSourceProvider, IntrospectGuard],
  exports: [AUTHORIZER_SOURCE, IntrospectGuard, MODULE_OPTIONS_TOKEN],
})
export class IntrospectModule extends ConfigurableModuleClass implements OnModuleInit {
  static override forRoot(options: AuthorizerSource<unknown> | typeof OPTIONS_TYPE): DynamicModule {
    const isSource = options instanceof Authorizer || typeof options === 'function';
    return super.forRoot(isSource ? { authorizer: options } : options);
  }

  constructor(
    @Inject(AUTHORIZER_SOURCE) private readonly source: AuthorizerSource<unknown>,
    @Inject(MODULE_OPTIONS_TOKEN) private readonly options: IntrospectExtras,
    @Inject(IntrospectGuard) private readonly guard: IntrospectGuard,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
  ) {
    super();
  }

  /** Checks every policy before the first request, and serves the resource metadata beside the app's own routes. */
  onModuleInit(): void {
    for (const { metatype, instance } of this.discovery.getControllers()) {
      if (!instance || typeof metatype !== 'function') continue;
      const prototype = Object.getPrototypeOf(instance);
      for (const name of this.scanner.getAllMethodNames(prototype)) {
        this.guard.guardFor(prototype[name], instance.constructor);
      }
    }
    if (this.options.serveResourceMetadata !== true) return;
    const { path, document } = resourceMetadataOf(this.source);
    const { httpAdapter } = this.host;
    httpAdapter.get(path, (_: unknown, response: unknown) => httpAdapter.reply(response, document, 200));
  }
}
