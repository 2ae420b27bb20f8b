/**
 * The variables of the commands that work with any server. Where there are two, the first is for any server, and the
 * second is what `introspect register` writes.
 */
export const variables = {
  issuer: ['INTROSPECT_ISSUER', 'ZITADEL_ISSUER'],
  endpoint: ['INTROSPECT_ENDPOINT', 'INTROSPECTION_ENDPOINT'],
  metadataUrl: 'INTROSPECT_METADATA_URL',
  auth: 'INTROSPECT_AUTH',
  clientId: ['INTROSPECT_CLIENT_ID', 'ZITADEL_CLIENT_ID'],
  clientSecret: ['INTROSPECT_CLIENT_SECRET', 'ZITADEL_CLIENT_SECRET'],
  keyFile: ['INTROSPECT_KEY_FILE', 'ZITADEL_KEY_FILE'],
  keyId: 'INTROSPECT_KEY_ID',
  bearerToken: 'INTROSPECT_BEARER_TOKEN',
  token: ['INTROSPECT_TOKEN', 'ZITADEL_TOKEN'],
} as const;
