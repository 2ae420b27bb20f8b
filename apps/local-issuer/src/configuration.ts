/** Everything that the issuer knows. Secrets stand here in plain text because they open nothing but this toy. */
export interface LocalIssuerConfiguration {
  /** The project that the API belongs to. Tokens name it in `aud`, and roles are granted in it. */
  readonly projectId: string;
  readonly organization: { readonly id: string; readonly name: string; readonly primaryDomain: string };
  /** The application that introspects: the API's own credentials. */
  readonly apiApp: { readonly clientId: string; readonly clientSecret: string };
  /** Those who call the API. The first one is used where none is named. */
  readonly serviceUsers: readonly [ServiceUser, ...ServiceUser[]];
  readonly accessTokenLifetimeSeconds: number;
}

export interface ServiceUser {
  /** Also the client id with which it asks for tokens. */
  readonly username: string;
  readonly clientSecret: string;
  /** What `sub` says. */
  readonly userId: string;
  readonly name: string;
  /** The API's scopes that it may ask for, next to those that ZITADEL gives everybody. */
  readonly scopes: readonly string[];
  /** Its roles in the project. */
  readonly roles: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** May do everything. */
export const demoService: ServiceUser = {
  username: 'demo-service',
  clientSecret: 'demo secret: 100% + more',
  userId: '200000000000000001',
  name: 'Demo service',
  scopes: ['items:read', 'items:write'],
  roles: ['admin'],
  metadata: { team: 'Köln', 'cost-center': '42' },
};

/** May only read, so that a demo can show what a missing scope or role answers. */
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
  // Space, colon, percent and plus on purpose: only a form-encoded Basic header gets them across.
  apiApp: { clientId: '300000000000000001', clientSecret: 'api secret: 50% + more' },
  serviceUsers: [demoService, readOnlyService],
  accessTokenLifetimeSeconds: 12 * 60 * 60,
};
