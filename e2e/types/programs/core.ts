// What the compiler must accept, and what it must reject. Compiled by packages.test.ts as ESM and as CommonJS.
import {
  type ActiveToken,
  type AnyAuthorizer,
  Authorizer,
  type AuthorizerOptions,
  fromEnv,
  IntrospectionClient,
  type Policy,
  type PolicyOf,
  type StandardSchema,
  type TokenOf,
} from '@acme/introspect-core';
import { type KeycloakClaims, keycloak, keycloakRoles } from '@acme/introspect-core/keycloak';
import { explainInactive } from '@acme/introspect-core/keycloak/explain';
import { type ZitadelClaims, zitadel } from '@acme/introspect-core/zitadel';

const server = { issuer: 'https://as.example', clientId: 'api', clientSecret: 's' };
declare const schema: StandardSchema<{ readonly email: string }>;

/** A server and credentials are required. They may come from the environment. */
export function requiredOptions(env: Record<string, string | undefined>): void {
  new Authorizer({ issuer: env.ISSUER, clientId: env.ID, clientSecret: env.SECRET });
  new Authorizer({ introspectionEndpoint: 'https://as.example/x', clientId: 'a', clientSecret: async () => 's' });
  new Authorizer({ client: new IntrospectionClient(server), audience: 'api' });
  new Authorizer(fromEnv({ env, cache: { maxAgeSeconds: 60 } }));
  new Authorizer(zitadel());
  new Authorizer(
    keycloak({ explainInactive: (token, context) => explainInactive(token, { ...context, clientId: 'a' }) }),
  );
  // @ts-expect-error the server and the credentials are missing
  new Authorizer({});
  // @ts-expect-error the secret is missing
  new Authorizer({ issuer: 'https://as.example', clientId: 'api' });
  // @ts-expect-error the server is missing
  new IntrospectionClient({ clientId: 'api', clientSecret: 's' });
  // @ts-expect-error an unknown option
  new Authorizer({ ...server, audiences: ['a'] });
  // @ts-expect-error "maxAgeSeconds" is missing
  new Authorizer({ ...server, cache: { ttl: 60 } });
  // @ts-expect-error renamed
  new Authorizer({ ...server, cache: { maxAgeSeconds: 60, staleIfErrorSeconds: 300 } });
}

/** Claims are typed by the schema or the function, and unknown without. */
export async function claims(): Promise<void> {
  const plain = await new Authorizer(server).authorize('Bearer t');
  const unknown: unknown = plain.claims;
  // @ts-expect-error nothing has checked it
  const email: string = plain.email;

  const bySchema = new Authorizer({ ...server, claims: schema });
  const typed: string = (await bySchema.authorize('Bearer t')).claims.email;
  const tenant: TokenOf<typeof bySchema> = await bySchema.guard({ scopes: ['a'] })(new Request('https://api.example'));
  const optional: { email: string } | undefined = (await bySchema.authorize({ token: 't' }, { optional: true }))
    ?.claims;
  await bySchema.authorize(null, { check: (token) => token.claims.email.endsWith('@acme.example') });
  // @ts-expect-error no such claim
  await bySchema.authorize(null, { check: (token) => token.claims.name === 'x' });

  const byFunction = new Authorizer({ ...server, claims: (token: ActiveToken) => ({ id: String(token.sub) }) });
  const id: string = (await byFunction.authorize('Bearer t')).claims.id;

  const ofZitadel = new Authorizer(zitadel({ ...server, projectId: '1' }));
  const preset: ZitadelClaims = (await ofZitadel.authorize('Bearer t')).claims;
  const own = new Authorizer(zitadel({ ...server, claims: schema }));
  const replaced: string = (await own.authorize('Bearer t')).claims.email;

  const ofKeycloak = new Authorizer(keycloak({ ...server, rolesOf: keycloakRoles({ client: 'api' }) }));
  const names: KeycloakClaims = (await ofKeycloak.authorize('Bearer t')).claims;
  const clientRoles: readonly string[] | undefined = names.clientRoles.api;
  // @ts-expect-error the client may have no roles
  names.clientRoles.api.length;
  void [unknown, email, typed, tenant, optional, id, preset, replaced, clientRoles];
}

/** A scope or role outside the vocabulary does not compile. */
export function vocabularies(): void {
  const authorizer = new Authorizer({
    ...server,
    scopes: ['items:read', 'items:write'],
    roles: ['admin'],
    rolesOf: () => [],
  });
  authorizer.guard({
    scopes: ['items:read'],
    anyRole: ['admin'],
    anyOf: [{ anyScope: ['items:write'] }, { roles: ['admin'] }],
  });
  authorizer.policy({ scopes: ['items:read'] }, { roles: ['admin'] });
  // @ts-expect-error mistyped
  authorizer.guard({ scopes: ['items:reed'] });
  // @ts-expect-error mistyped, in a branch
  authorizer.guard({ anyOf: [{ roles: ['owner'] }] });
  // @ts-expect-error "optional" belongs to the policy, not to a branch
  authorizer.guard({ anyOf: [{ optional: true }] });
  new Authorizer(server).guard({ scopes: ['anything'] });
  // @ts-expect-error an unknown member
  new Authorizer(server).guard({ scope: 'a' });

  const preset = new Authorizer(zitadel({ ...server, scopes: ['items:read'], roles: ['admin'] }));
  preset.guard({ scopes: ['items:read'], anyRole: ['admin'] });
  // @ts-expect-error mistyped
  preset.guard({ anyScope: ['items:raed'] });
  // @ts-expect-error mistyped
  preset.guard({ roles: ['amdin'] });
  const realm = new Authorizer(keycloak({ ...server, roles: ['admin'] }));
  realm.guard({ anyRole: ['admin'] });
  // @ts-expect-error mistyped
  realm.guard({ anyRole: ['amdin'] });
  // @ts-expect-error mistyped
  new Authorizer(fromEnv({ ...server, scopes: ['items:read'] })).guard({ scopes: ['items:raed'] });
}

/** A response cannot be changed, and the request is typed. */
export async function details(token: ActiveToken, options: AuthorizerOptions, policy: Policy): Promise<void> {
  const exp: number | undefined = token.exp;
  // @ts-expect-error a response cannot be changed
  token.sub = 'another';
  await using authorizer = new Authorizer(options);
  const maybe: ActiveToken | null = await authorizer.authorize('Bearer t', policy);
  await authorizer.invalidate({ sub: 's' });
  // @ts-expect-error exactly one member
  await authorizer.invalidate({});
  new Authorizer({ ...server, errorBody: (error) => ({ type: 'about:blank', status: error.status }) });
  void [exp, maybe];
}

const typed = new Authorizer({ ...server, claims: schema, scopes: ['a', 'b'], roles: ['admin'], rolesOf: () => [] });
const anyPolicy: Policy = { scopes: ['a'] };
const ownPolicy: PolicyOf<typeof typed> = { scopes: ['a'], check: ({ claims }) => claims.email !== '' };
const constant = { scopes: ['a'] } as const satisfies Policy;
const widened = { scopes: ['a'] } satisfies Policy;

/** A policy that is declared apart from its authorizer. */
export async function declaredPolicies(): Promise<void> {
  new Authorizer(server).guard(anyPolicy);
  new Authorizer(server).guard(widened);
  typed.guard(ownPolicy);
  typed.guard(constant);
  // @ts-expect-error its scopes may be any strings
  typed.guard(anyPolicy);
  // @ts-expect-error its scopes may be any strings: without "as const", the compiler widens them
  typed.guard(widened);
  // @ts-expect-error its check needs claims that the other authorizer does not have
  new Authorizer(server).guard(ownPolicy);

  const combined = typed.policy({ scopes: ['a'] }, ownPolicy, { optional: true });
  const email: string = (await typed.authorize('Bearer t', combined)).claims.email;
  const maybe = await typed.guard(typed.policy({ optional: true }, { optional: true }))('Bearer t');
  // @ts-expect-error the token may be null
  const none: string = maybe.claims.email;
  // @ts-expect-error mistyped
  typed.policy({ scopes: ['a'] }, { scopes: ['c'] });
  void [email, none];
}

/** A class field needs no type of its own. */
export class Service {
  readonly authorizer = new Authorizer({ ...server, claims: schema, scopes: ['a'] });
  readonly guard = this.authorizer.guard({ scopes: ['a'], check: ({ claims }) => claims.email !== '' });
  readonly any: AnyAuthorizer = this.authorizer;
  // @ts-expect-error its policies may use any scope
  readonly plain: Authorizer = this.authorizer;

  async email(request: Request): Promise<string> {
    const { claims } = await this.authorizer.authorize(request, { scopes: ['a'] });
    return (await this.guard(request)).claims.email + claims.email;
  }
}

/** A function for every authorizer. */
export function generic<Claims, Scope extends string, Role extends string>(
  authorizer: Authorizer<Claims, Scope, Role>,
  policy: Policy<Claims, Scope, Role>,
): unknown {
  return authorizer.guard(policy);
}
generic(typed, { scopes: ['b'] });
