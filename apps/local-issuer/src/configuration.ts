/** The settings of the issuer. The secrets are in plain text because they are valid only here. */
export interface LocalIssuerConfiguration {
  /** The project of the API. It is the `aud` of tokens, and users have roles in it. */
  readonly projectId: string;
  readonly organization: { readonly id: string; readonly name: string; readonly primaryDomain: string };
  /** The API's own credentials, with which it introspects. */
  readonly apiApp: { readonly clientId: string; readonly clientSecret: string };
  /** The users that call the API. The first one is the default. */
  readonly serviceUsers: readonly [ServiceUser, ...ServiceUser[]];
  readonly accessTokenLifetimeSeconds: number;
}

export interface ServiceUser {
  /** Also the client id at the token endpoint. */
  readonly username: string;
  readonly clientSecret: string;
  /** The `sub` of its tokens. */
  readonly userId: string;
  readonly name: string;
  /** The API's scopes that it may request, in addition to ZITADEL's own. */
  readonly scopes: readonly string[];
  /** Its roles in the project. */
  readonly roles: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Has all scopes and the role admin. */
export const demoService: ServiceUser = {
  username: 'demo-service',
  clientSecret: 'demo secret: 100% + more',
  userId: '200000000000000001',
  name: 'Demo service',
  scopes: ['items:read', 'items:write'],
  roles: ['admin'],
  metadata: { team: 'Köln', 'cost-center': '42' },
};

/** May only read, so a demo can show the response to a missing scope or role. */
export const readOnlyService: ServiceUser = {
  username: 'read-only-service',
  clientSecret: 'read-only secret: 50% + less',
  userId: '200000000000000002',
  name: 'Read-only service',
  scopes: ['items:read'],
  roles: ['reader'],
  metadata: { team: 'Genève' },
};

export const defaultConfiguration: LocalIssuerConfiguration = {
  projectId: '400000000000000001',
  organization: { id: '100000000000000001', name: 'ACME', primaryDomain: 'acme.localhost' },
  // A Basic header must form-encode space, colon, percent and plus. A client that does not is rejected.
  apiApp: { clientId: '300000000000000001', clientSecret: 'api secret: 50% + more' },
  serviceUsers: [demoService, readOnlyService],
  accessTokenLifetimeSeconds: 12 * 60 * 60,
};
