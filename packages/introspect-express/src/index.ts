export * from '@acme/introspect-core';
export * from '@acme/introspect-core/keycloak';
export {
  hasRole,
  type ZitadelClaims,
  type ZitadelOptions,
  type ZitadelOrganization,
  type ZitadelRoleOptions,
  zitadel,
  zitadelRoles,
} from '@acme/introspect-core/zitadel';
export * from './introspect.js';
