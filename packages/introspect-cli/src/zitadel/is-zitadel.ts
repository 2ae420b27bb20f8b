/** Returns whether an endpoint is that of ZITADEL, by its path. A server that needs an instance host is ZITADEL too. */
export function isZitadel(endpoint: string, instanceHost: string | undefined): boolean {
  return instanceHost !== undefined || new URL(endpoint).pathname === '/oauth/v2/introspect';
}
