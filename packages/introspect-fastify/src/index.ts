export * from '@acme/introspect-core';
export * from '@acme/introspect-core/keycloak';
export * from '@acme/introspect-core/zitadel';
export * from './introspect.js';
export { introspect as default } from './introspect.js';
