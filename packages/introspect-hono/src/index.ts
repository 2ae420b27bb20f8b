export * from '@acme/introspect-core';
export * from './introspect.js';
