export * from '@acme/introspect-core';
export {
  type IntrospectionEnv,
  type RequireTokenExtras,
  type RequireTokenInput,
  requireToken,
} from './require-token.js';
