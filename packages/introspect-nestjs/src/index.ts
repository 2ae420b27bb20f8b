export * from '@acme/introspect-core';
export { Public, RequireToken } from './access.js';
export { IntrospectModule } from './introspect.module.js';
export { IntrospectGuard } from './introspect-guard.js';
export type { IntrospectExtras, IntrospectModuleOptions } from './introspect-runtime.js';
export { Introspection, introspectionOf } from './introspection.js';
