export * from '@acme/introspect-core';
export * from './introspect.js';
export { introspect as default } from './introspect.js';
