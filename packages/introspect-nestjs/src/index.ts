export * from '@acme/introspect-core';
export type { SharedAuthorizer } from '@acme/introspect-core/adapter';
export * from '@acme/introspect-core/keycloak';
export * from '@acme/introspect-core/zitadel';
export { Introspection, introspectionOf, Public, RequireToken } from './decorators.js';
export { IntrospectModule, type IntrospectModuleOptions } from './introspect.module.js';
export { type IntrospectExtras, IntrospectGuard, type PlatformRequest } from './introspect-guard.js';
