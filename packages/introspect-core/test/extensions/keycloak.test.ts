import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  type KeycloakClaims,
  type KeycloakOptions,
  type KeycloakRoleOptions,
  keycloak,
  keycloakRoles,
} from '../../src/extensions/keycloak/keycloak.js';
import { type ActiveToken, Authorizer, noClientAuthentication, type TokenOf } from '../../src/index.js';
import { scripted, scriptedTransport } from '../support/scripted-transport.js';

const options = { issuer: 'https://login.example.com/realms/shop', clientId: 'api', clientSecret: 's', env: {} };
const tokenOf = (members: object): ActiveToken => ({ active: true, ...members });

describe('keycloak', () => {
  it('returns the options of an authorizer, and does not change its argument', () => {
    const given = Object.freeze({ ...options, cache: { maxAgeSeconds: 60 }, audience: 'api' });
    const { issuer, clientId, clientSecret, cache, audience } = given;
    const returned = keycloak(given);
    expect(returned).toEqual({
      ...{ issuer, clientId, clientSecret, cache, audience },
      claims: expect.any(Function),
      rolesOf: expect.any(Function),
    });
    expect(() => new Authorizer(returned)).not.toThrow();
  });

  it('sets no audience', () => {
    expect(keycloak(options)).not.toHaveProperty('audience');
  });

  it('keeps options that are not enumerable, and those that override its own', () => {
    const hidden = Object.defineProperty({ ...options }, 'realm', { value: 'shop', enumerable: false });
    expect(keycloak(hidden)).toMatchObject({ realm: 'shop' });
    const [claims, rolesOf] = [() => ({ id: '1' }), () => ['admin']];
    expect(keycloak({ ...options, claims, rolesOf })).toMatchObject({ claims, rolesOf });
  });

  it.each(['claims', 'rolesOf', 'audience', 'tokenTypes', 'prefilter', 'realm'])(
    'does not drop an inherited "%s", which is rejected',
    (name) => {
      const given: KeycloakOptions = Object.assign(Object.create({ [name]: {} }), options);
      expect(() => new Authorizer(keycloak(given))).toThrow(`"${name}" is inherited`);
    },
  );

  it('rejects an inherited "env"', () => {
    const given: KeycloakOptions = Object.assign(Object.create({ env: {} }), { ...options, env: undefined });
    Reflect.deleteProperty(given, 'env');
    expect(() => keycloak(given)).toThrow('keycloak: "env" is inherited');
  });

  it('passes an undefined audience to the authorizer, which rejects it', () => {
    expect(() => new Authorizer(keycloak({ ...options, audience: undefined as never }))).toThrow(
      'Authorizer: "audience" is undefined',
    );
  });

  describe('reads options that are absent from the environment', () => {
    const env = {
      KEYCLOAK_ISSUER: 'https://login.example.com/realms/shop',
      KEYCLOAK_CLIENT_ID: 'api',
      KEYCLOAK_CLIENT_SECRET: 'canary',
    };

    it('all of them', () => {
      const metadataUrl = 'https://inside.example/realms/shop/.well-known/openid-configuration';
      expect(keycloak({ env: { ...env, KEYCLOAK_METADATA_URL: metadataUrl } })).toMatchObject({
        issuer: env.KEYCLOAK_ISSUER,
        clientId: 'api',
        clientSecret: 'canary',
        metadataUrl,
      });
      expect(keycloak({ env })).not.toHaveProperty('metadataUrl');
      expect(keycloak({ env })).not.toHaveProperty('env');
    });

    it('options win over variables', () => {
      expect(keycloak({ env, clientId: 'other' })).toMatchObject({ clientId: 'other', clientSecret: 'canary' });
    });

    it('no client id and secret beside clientAuthentication', () => {
      const returned = keycloak({ env, clientAuthentication: noClientAuthentication() });
      expect(returned).not.toHaveProperty('clientId');
      expect(returned).not.toHaveProperty('clientSecret');
    });

    it('every missing variable is named at once', () => {
      expect(() => keycloak({ env: {} })).toThrow(TypeError);
      expect(() => keycloak({ env: { KEYCLOAK_CLIENT_ID: '' } })).toThrow(
        'keycloak: set the environment variables KEYCLOAK_ISSUER, KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET, or pass the ' +
          'options "issuer", "clientId", "clientSecret"',
      );
      expect(() => keycloak({ env: { ...env, KEYCLOAK_CLIENT_SECRET: undefined } })).toThrow(
        'keycloak: set the environment variables KEYCLOAK_CLIENT_SECRET, or pass the options "clientSecret"',
      );
    });
  });

  const claimsOf = (members: object) => {
    const { claims } = keycloak(options);
    if (typeof claims !== 'function') expect.unreachable();
    return claims(tokenOf(members));
  };

  it('sets token.claims to names, e-mail address, session, roles and groups', () => {
    expect(
      claimsOf({
        preferred_username: 'mickey',
        name: 'Mickey Mouse',
        email: 'mickey@example.com',
        email_verified: true,
        sid: 'S1',
        realm_access: { roles: ['admin'] },
        resource_access: { api: { roles: ['reader'] }, account: { roles: ['view-profile'] } },
        groups: ['/staff'],
      }),
    ).toEqual({
      preferred_username: 'mickey',
      name: 'Mickey Mouse',
      email: 'mickey@example.com',
      email_verified: true,
      sid: 'S1',
      realmRoles: ['admin'],
      clientRoles: { api: ['reader'], account: ['view-profile'] },
      groups: ['/staff'],
    });
  });

  it.each([undefined, null, 5, 'text', [], {}, [[]], [{}]])(
    'leaves out each claim of another type, such as %j',
    (odd) => {
      const names = ['name', 'email_verified', 'realm_access', 'resource_access', 'groups'];
      const claims = claimsOf(Object.fromEntries(names.map((name) => [name, odd])));
      expect(claims).toEqual({
        preferred_username: undefined,
        name: odd === 'text' ? odd : undefined,
        email: undefined,
        email_verified: undefined,
        sid: undefined,
        realmRoles: [],
        clientRoles: {},
        groups: [],
      });
    },
  );

  it('has no roles of a client whose name every object inherits', () => {
    const { clientRoles } = claimsOf({ resource_access: { api: { roles: ['a'] } } });
    for (const name of ['constructor', '__proto__', 'toString']) expect(clientRoles[name]).toBeUndefined();
  });

  it('creates an authorizer whose policies mean roles of the realm, or of a client with rolesOf', async () => {
    const members = { realm_access: { roles: ['admin'] }, resource_access: { api: { roles: ['reader'] } } };
    const decide = async (given: object, role: string) => {
      const { transport } = scriptedTransport(() => ({ status: 200, body: { active: true, ...members } }));
      const { introspectionEndpoint } = scripted;
      const authorizer = new Authorizer(keycloak({ ...options, ...given, introspectionEndpoint, transport }));
      return authorizer.authorize('Bearer t', { anyRole: [role] }).then(
        () => 200,
        (error) => error.status,
      );
    };
    expect([await decide({}, 'admin'), await decide({}, 'reader')]).toEqual([200, 403]);
    const ofClient = { rolesOf: keycloakRoles({ client: 'api' }) };
    expect([await decide(ofClient, 'admin'), await decide(ofClient, 'reader')]).toEqual([403, 200]);
  });
});

describe('keycloakRoles', () => {
  const realm = { realm_access: { roles: ['admin', 'user'] } };
  const clients = { resource_access: { api: { roles: ['reader'] }, other: { roles: ['writer'] } } };

  it.each<[string, KeycloakRoleOptions | undefined, object, string[]]>([
    ['the realm', undefined, { ...realm, ...clients }, ['admin', 'user']],
    ['the realm', {}, clients, []],
    ['one client', { client: 'api' }, { ...realm, ...clients }, ['reader']],
    ['one client', { client: 'missing' }, { ...realm, ...clients }, []],
    ['one client', { client: 'api' }, realm, []],
    ...['__proto__', 'constructor', 'toString'].map((client): [string, KeycloakRoleOptions, object, string[]] => [
      'no client that objects inherit',
      { client },
      clients,
      [],
    ]),
    [
      'a client that is called like a member that objects inherit',
      { client: 'constructor' },
      { resource_access: { constructor: { roles: ['own'] } } },
      ['own'],
    ],
    ['the strings in a list', undefined, { realm_access: { roles: ['a', 5, null, '', ['b'], { c: 1 }] } }, ['a']],
  ])('returns the roles of %s (%#)', (_, given, members, roles) => {
    expect(keycloakRoles(given)(tokenOf(members))).toEqual(roles);
  });

  it.each([
    undefined,
    null,
    5,
    'admin',
    ['admin'],
    [{ roles: ['admin'] }],
    {},
    { roles: 'admin' },
    { roles: { 0: 'a' } },
  ])('returns no roles for an odd shape: %j', (odd) => {
    expect(keycloakRoles()(tokenOf({ realm_access: odd }))).toEqual([]);
    expect(keycloakRoles({ client: 'api' })(tokenOf({ resource_access: odd }))).toEqual([]);
    expect(keycloakRoles({ client: 'api' })(tokenOf({ resource_access: { api: odd } }))).toEqual([]);
  });

  it('ignores inherited members', () => {
    const inheriting = Object.assign(Object.create({ ...realm, ...clients }), { active: true }) as ActiveToken;
    expect(keycloakRoles()(inheriting)).toEqual([]);
    expect(keycloakRoles({ client: 'api' })(inheriting)).toEqual([]);
    const access = Object.create({ roles: ['admin'] });
    expect(keycloakRoles()(tokenOf({ realm_access: access }))).toEqual([]);
  });

  it.each<[unknown, string]>([
    [{ client: undefined }, '"client" is undefined: leave it out, or give a value'],
    [{ client: '' }, '"client" must not be empty'],
    [{ client: 5 }, '"client" must be a string'],
    [Object.create({ client: 'api' }), '"client" is inherited'],
    [{ clientId: 'api' }, 'unknown option "clientId"; known options: client'],
  ])('throws at construction if its options are invalid (%#)', (given, message) => {
    const create = () => keycloakRoles(given as KeycloakRoleOptions);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(`keycloakRoles: ${message}`);
  });
});

/** These tests fail in the type check. */
describe('the types of keycloak()', () => {
  it("type Keycloak's claims as token.claims, unless the options have their own", () => {
    const authorizer = new Authorizer(keycloak(options));
    expectTypeOf<TokenOf<typeof authorizer>['claims']>().toEqualTypeOf<KeycloakClaims>();
    const other = new Authorizer(keycloak({ ...options, claims: (token) => ({ id: String(token.sub) }) }));
    expectTypeOf<TokenOf<typeof other>['claims']>().toEqualTypeOf<{ id: string }>();
  });
});
