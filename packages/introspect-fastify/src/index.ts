export * from '@acme/introspect-core';
export {
  type IntrospectExtras,
  type IntrospectOptions,
  introspect,
  introspect as default,
  introspectionOf,
} from './introspect.js';
