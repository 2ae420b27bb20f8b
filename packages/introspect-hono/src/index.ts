export * from '@acme/introspect-core';
export { type Introspect, type IntrospectionEnv, type IntrospectOptions, introspect } from './introspect.js';
