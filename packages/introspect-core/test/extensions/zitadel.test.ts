import { startScriptedServer } from '@acme/introspect-testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { protect } from '../../src/adapter/index.js';
import { membersOf } from '../../src/extensions/zitadel/claims.js';
import {
  hasRole,
  metadata,
  organization,
  type ZitadelClaims,
  type ZitadelOptions,
  zitadel,
  zitadelRoles,
} from '../../src/extensions/zitadel/zitadel.js';
import {
  type ActiveToken,
  Authorizer,
  type AuthorizerOptions,
  clientSecretPost,
  type IntrospectionResponse,
  type Policy,
  type TokenOf,
} from '../../src/index.js';

const options: ZitadelOptions = { issuer: 'https://as.example.com', clientId: 'c', clientSecret: 's' };

const tokenOf = (claims: object) => ({ active: true, ...claims }) as ActiveToken;

describe('zitadel', () => {
  const policyProblem = expect.any(Function);
  const claims = expect.any(Function);

  it('returns the options of an authorizer, and does not change its argument', () => {
    const frozen = Object.freeze({ ...options, projectId: '42', timeoutMs: 500 });
    expectTypeOf(zitadel(frozen)).toEqualTypeOf<AuthorizerOptions<ZitadelClaims>>();
    expect(zitadel(frozen)).toEqual({
      ...options,
      timeoutMs: 500,
      limits: { perSecond: 40 },
      audience: '42',
      rolesOf: expect.any(Function),
      policyProblem: expect.any(Function),
      claims: expect.any(Function),
    });
    new Authorizer(zitadel(frozen)).guard({ anyRole: ['admin'] });
  });

  it('sets neither audience nor roles without a project', () => {
    expect(zitadel(options)).toEqual({ ...options, limits: { perSecond: 40 }, policyProblem, claims });
  });

  it('keeps options that are not enumerable', async () => {
    const options = Object.defineProperty(
      { issuer: 'https://a.example', clientId: 'c', clientSecret: 's' },
      'audience',
      {
        value: 'my-api',
        enumerable: false,
      },
    );
    expect(zitadel(options)).toHaveProperty('audience', 'my-api');
  });

  it('limits requests as ZITADEL Cloud requires, unless "limits" overrides it', () => {
    const limits = { concurrent: 5, perSecond: 40 };
    expect(zitadel({ ...options, limits: { concurrent: 5 } })).toMatchObject({ ...options, limits });
    expect(zitadel({ ...options, limits: { perSecond: 500 } })).toMatchObject({ limits: { perSecond: 500 } });
    const missing = { perSecond: undefined } as unknown as { perSecond: number };
    expect(zitadel({ ...options, limits: missing })).toMatchObject({ limits: { perSecond: 40 } });
  });

  it('does not override "audience" and "rolesOf"', () => {
    const rolesOf = () => [];
    expect(zitadel({ ...options, projectId: '42', audience: 'api', rolesOf })).toMatchObject({
      audience: 'api',
      rolesOf,
    });
  });

  it.each(['is undefined', 'must not be empty'])('throws when "projectId" is present, and its value %s', (problem) => {
    const create = () => zitadel({ ...options, projectId: problem === 'is undefined' ? undefined : '' });
    expect(create).toThrow(TypeError);
    expect(create).toThrow(
      `zitadel: "projectId" ${problem}: leave it out, or give a value; is an environment variable unset?`,
    );
  });

  it('passes an undefined audience to the authorizer, which rejects it', () => {
    const given = { ...options, projectId: '42', audience: undefined as never };
    expect(() => new Authorizer(zitadel(given))).toThrow('Authorizer: "audience" is undefined');
  });

  it.each(['projectId', 'limits', 'policyProblem', 'audience', 'rolesOf', 'tokenTypes', 'prefilter', 'realm'])(
    'does not drop an inherited "%s": the authorizer rejects it',
    (name) => {
      const given: ZitadelOptions = Object.assign(Object.create({ [name]: {} }), options);
      expect(() => new Authorizer(zitadel(given))).toThrow(`"${name}" is inherited`);
    },
  );

  describe('rejects a policy that lists a role scope', () => {
    const policy = { scopes: ['openid', 'urn:zitadel:iam:org:project:role:admin'] };
    const message =
      'Policy: "scopes" lists "urn:zitadel:iam:org:project:role:admin", which ZITADEL gives to every user who requests it, ' +
      'even without the role: use "anyRole": ["admin"], which checks the granted roles';

    it.each([
      ['with a project', { ...options, projectId: '42' }],
      ['without a project', options],
      ['beside a policyProblem of the caller', { ...options, policyProblem: () => undefined }],
    ])('%s', async (_, given) => {
      const authorizer = new Authorizer(zitadel(given));
      expect(() => authorizer.guard(policy)).toThrow(TypeError);
      expect(() => authorizer.guard(policy)).toThrow(message);
      await expect(authorizer.authorize('Bearer t', policy)).rejects.toThrow(message);
      expect(() => protect(authorizer, policy)).toThrow(message);
    });

    it('in anyScope, and names that option', () => {
      const anyScope = ['openid', 'urn:zitadel:iam:org:project:role:admin'];
      expect(() => new Authorizer(zitadel(options)).guard({ anyScope })).toThrow(message.replace('scopes', 'anyScope'));
    });

    it('but accepts other scopes of ZITADEL', () => {
      const scopes = ['urn:zitadel:iam:org:project:id:42:aud', 'urn:zitadel:iam:org:projects:roles', 'openid'];
      expect(() => new Authorizer(zitadel(options)).guard({ scopes })).not.toThrow();
      expect(() => new Authorizer(zitadel(options)).guard()).not.toThrow();
    });

    it('and calls the policyProblem of the caller for other policies', () => {
      const policyProblem = ({ optional }: Policy) => (optional === true ? 'no route is optional here' : undefined);
      const authorizer = new Authorizer(zitadel({ ...options, policyProblem }));
      expect(() => authorizer.guard({ optional: true })).toThrow('Policy: no route is optional here');
      expect(() => authorizer.guard({ scopes: ['openid'] })).not.toThrow();
      const wrong = { ...options, policyProblem: 'none' as never };
      expect(() => zitadel(wrong)).toThrow('zitadel: "policyProblem" must be a function');
    });
  });

  describe('reads options that are absent from the environment', () => {
    const env = {
      ZITADEL_ISSUER: 'https://acme.zitadel.cloud',
      ZITADEL_CLIENT_ID: '7',
      ZITADEL_CLIENT_SECRET: 'canary',
      ZITADEL_PROJECT_ID: '42',
    };

    it('all of them', () => {
      expect(zitadel({ env })).toMatchObject({
        issuer: 'https://acme.zitadel.cloud',
        clientId: '7',
        clientSecret: 'canary',
        audience: '42',
        rolesOf: expect.any(Function),
      });
      expect(zitadel({ env })).not.toHaveProperty('projectId');
      expect(() => new Authorizer(zitadel({ env }))).not.toThrow();
    });

    it('options win over variables', () => {
      expect(zitadel({ env, projectId: '1', clientId: '2' })).toMatchObject({ audience: '1', clientId: '2' });
    });

    it('an internal address: the endpoint, and the public host as a header field', () => {
      const internal = { INTROSPECTION_ENDPOINT: 'http://10.0.0.1/x', ZITADEL_INSTANCE_HOST: 'acme.example' };
      expect(zitadel({ env: { ...env, ...internal }, headers: { 'x-a': 'b' } })).toMatchObject({
        introspectionEndpoint: 'http://10.0.0.1/x',
        headers: { 'x-a': 'b', 'x-zitadel-instance-host': 'acme.example' },
      });
    });

    it('no client id and secret beside clientAuthentication', () => {
      const clientAuthentication = clientSecretPost({ clientId: 'c', clientSecret: 's' });
      expect(zitadel({ env, clientAuthentication })).not.toHaveProperty('clientSecret');
    });

    it('every missing variable is named at once', () => {
      expect(() => zitadel({ env: {} })).toThrow(
        'zitadel: set the environment variables ZITADEL_ISSUER, ZITADEL_CLIENT_ID, ZITADEL_CLIENT_SECRET, ' +
          'or pass the options "issuer", "clientId", "clientSecret"',
      );
    });
  });

  it('sets token.claims to organisation, metadata and roles', async () => {
    const server = await startScriptedServer();
    const prefix = 'urn:zitadel:iam:user:resourceowner';
    server.tokens.set('t', {
      aud: ['42'],
      [`${prefix}:id`]: '1',
      'urn:zitadel:iam:user:metadata': { colour: 'Ymx1ZQ' },
      'urn:zitadel:iam:org:project:42:roles': { admin: { 1: 'acme.example' } },
    });
    const authorizer = new Authorizer(
      zitadel({ issuer: server.origin, clientId: 'api', clientSecret: 'secret', projectId: '42' }),
    );
    const token = await authorizer.authorize('Bearer t');
    expect(token.claims).toEqual({ organization: { id: '1' }, metadata: { colour: 'blue' }, roles: ['admin'] });
    await server.close();
  });

  it('creates an authorizer that requires the project in "aud" and counts only its roles', async () => {
    const server = await startScriptedServer();
    const roles = (project: string) => ({ [`urn:zitadel:iam:org:project:${project}:roles`]: { admin: { 1: 'a' } } });
    server.tokens.set('ours', { aud: ['42', 'other'], ...roles('42') });
    server.tokens.set('theirs', { aud: ['43'], ...roles('42') });
    server.tokens.set('elsewhere', { aud: ['42'], ...roles('43') });
    const { origin: issuer } = server;
    const guard = new Authorizer(zitadel({ issuer, clientId: 'api', clientSecret: 'secret', projectId: '42' })).guard({
      anyRole: ['admin'],
    });
    await expect(guard('Bearer ours')).resolves.toMatchObject({ active: true });
    await expect(guard('Bearer theirs')).rejects.toMatchObject({ reason: 'audience_mismatch' });
    await expect(guard('Bearer elsewhere')).rejects.toMatchObject({ code: 'access_denied' });
    await server.close();
  });
});

describe('zitadelRoles', () => {
  const own = 'urn:zitadel:iam:org:project:roles';
  const of42 = 'urn:zitadel:iam:org:project:42:roles';
  const granted = { admin: { 1: 'a.example.com' }, editor: { 1: 'a.example.com', 2: 'b.example.com' } };

  it.each<[what: string, options: Parameters<typeof zitadelRoles>[0], claims: object, roles: string[]]>([
    ['in the project of this API', undefined, { [own]: granted, [of42]: { other: { 1: 'a' } } }, ['admin', 'editor']],
    ['in a project', { projectId: '42' }, { [own]: { other: { 1: 'a' } }, [of42]: granted }, ['admin', 'editor']],
    ['in one organisation', { organizationId: '2' }, { [own]: granted }, ['editor']],
    [
      'in an organisation and a project',
      { projectId: '42', organizationId: '1' },
      { [of42]: granted },
      ['admin', 'editor'],
    ],
    ['in an organisation that granted none', { organizationId: '3' }, { [own]: granted }, []],
    ['in the form of a list', {}, { [own]: [{ admin: { 1: 'a' } }, { editor: { 2: 'b' } }] }, ['admin', 'editor']],
    [
      'in a list, in one organisation',
      { organizationId: '2' },
      { [own]: [{ admin: { 1: 'a' } }, { editor: { 2: 'b' } }] },
      ['editor'],
    ],
    ['in a list with something else', {}, { [own]: [null, 'admin', 5, ['admin'], { editor: { 2: 'b' } }] }, ['editor']],
    ['that no organisation granted', {}, { [own]: { admin: {} } }, []],
    ['without a claim', {}, {}, []],
    ['in a claim of null', {}, { [own]: null }, []],
    ['in a claim of another type', {}, { [own]: 'admin' }, []],
    ['granted by something else', {}, { [own]: { a: 'x', b: null, c: ['1'], d: true } }, []],
    ['of own organisations only', { organizationId: 'constructor' }, { [own]: granted }, []],
    ['of own names only', {}, { [own]: Object.create(granted) }, []],
  ])('finds roles %s', (_, options, claims, roles) => {
    expect(zitadelRoles(options)(tokenOf(claims))).toEqual(roles);
  });

  it('and hasRole agree on whether a token has a role', () => {
    const token = tokenOf({ [own]: { admin: { 1: 'a' } }, [of42]: { editor: { 2: 'b' } } });
    expect(hasRole(token, 'admin')).toBe(true);
    expect(hasRole(token, 'adm')).toBe(false);
    expect(hasRole(token, 'constructor')).toBe(false);
    expect(hasRole(token, 'editor', { projectId: '42' })).toBe(true);
    expect(hasRole(token, 'editor', { projectId: '42', organizationId: '2' })).toBe(true);
    expect(hasRole(token, 'editor', { projectId: '42', organizationId: '1' })).toBe(false);
  });

  const unset = ['projectId', 'organizationId'].flatMap((name) => [undefined, ''].map((value) => ({ [name]: value })));

  it.each(unset)('makes hasRole return false with %j, as when the token lacks a claim', (options) => {
    const token = tokenOf({ [own]: granted, [of42]: granted });
    expect(hasRole(token, 'admin')).toBe(true);
    expect(hasRole(token, 'admin', options as object)).toBe(false);
    expect(hasRole(token, 'admin', { projectId: '42', ...options } as object)).toBe(false);
  });

  it('makes hasRole return false when the login does not name an organisation', () => {
    const token = tokenOf({ [own]: granted });
    const login = { organizationId: organization(token)?.id } as { organizationId: string };
    expect(hasRole(token, 'admin', login)).toBe(false);
  });

  it.each(unset)('throws at construction with %j', (options) => {
    const [name] = Object.keys(options);
    expect(() => zitadelRoles(options as object)).toThrow(TypeError);
    expect(() => zitadelRoles(options as object)).toThrow(`zitadelRoles: "${name}" `);
    expect(() => zitadelRoles(options as object)).toThrow('is an environment variable unset?');
  });

  it('and hasRole reject an unknown option: a misspelt one would not restrict anything', () => {
    const misspelt = { organisationId: '1' } as object;
    expect(() => zitadelRoles(misspelt)).toThrow(
      'zitadelRoles: unknown option "organisationId"; known options: projectId, organizationId',
    );
    const token = { active: true, 'urn:zitadel:iam:org:project:roles': { editor: { 1: 'a.example' } } } as const;
    expect([hasRole(token, 'editor'), hasRole(token, 'editor', misspelt)]).toEqual([true, false]);
  });

  it('have types that do not accept an undefined organisation', () => {
    expectTypeOf<{ organizationId: undefined }>().not.toExtend<Parameters<typeof hasRole>[2]>();
    expectTypeOf<{ organizationId: string }>().toExtend<Parameters<typeof hasRole>[2]>();
  });
});

describe('metadata', () => {
  const read = (claim: unknown) => metadata(tokenOf({ 'urn:zitadel:iam:user:metadata': claim }));

  it('is decoded from base64url, with padding or without', () => {
    expect(
      read({ a: 'YQ', b: 'YQ==', c: '4oKs8J-Zgg', d: Buffer.from('>>>???').toString('base64url'), e: '' }),
    ).toEqual({
      a: 'a',
      b: 'a',
      c: '€🙂',
      d: '>>>???',
      e: '',
    });
  });

  it('leaves out values that are not text, and returns the rest', () => {
    expect(read({ a: 'YQ', b: '*', c: 5, d: null, e: '_w', f: 'a' })).toStrictEqual({ a: 'a' });
  });

  it('preserves a byte order mark, which belongs to the text', () => {
    expect(read({ a: '77u_YQ' })).toEqual({ a: '\ufeffa' });
  });

  it.each([undefined, null, 'YQ', 5, []])('is empty for a claim of %j', (claim) => {
    expect(read(claim)).toEqual({});
  });

  it('is frozen, and treats "__proto__" like any other name', () => {
    const decoded = read(JSON.parse('{"__proto__":"YQ"}'));
    expect(Object.entries(decoded)).toEqual([['__proto__', 'a']]);
    expect(decoded).toSatisfy(Object.isFrozen);
  });
});

describe('organization', () => {
  const claims = (parts: object) =>
    organization(
      tokenOf(
        Object.fromEntries(Object.entries(parts).map(([k, v]) => [`urn:zitadel:iam:user:resourceowner:${k}`, v])),
      ),
    );

  it.each([
    [
      { id: '1', name: 'Acme', primary_domain: 'acme.example' },
      { id: '1', name: 'Acme', primaryDomain: 'acme.example' },
    ],
    [{ id: '1' }, { id: '1' }],
    [{ id: '1', name: 5, primary_domain: null }, { id: '1' }],
    [{ name: 'Acme', primary_domain: 'acme.example' }, undefined],
    [{ id: 5, name: 'Acme' }, undefined],
    [{}, undefined],
  ])('of %j is %j', (parts, expected) => {
    expect(claims(parts)).toEqual(expected);
  });
});

/** These tests fail in the type check. */
describe('the types of a response', () => {
  it('narrow by `active`', () => {
    const response = { active: false } as IntrospectionResponse;
    if (response.active) expectTypeOf(response).toEqualTypeOf<ActiveToken>();
    else expectTypeOf(response).toEqualTypeOf<{ readonly active: false }>();
  });

  it('know the members of RFC 7662', () => {
    expectTypeOf<ActiveToken['exp']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<ActiveToken['aud']>().toEqualTypeOf<string | readonly string[] | undefined>();
  });

  it('leave every other claim unknown', () => {
    expectTypeOf<ActiveToken['unheard_of']>().toBeUnknown();
    expectTypeOf<ActiveToken['email_verified']>().toBeUnknown();
    expectTypeOf<ActiveToken['urn:zitadel:iam:org:project:roles']>().toBeUnknown();
  });

  it("type ZITADEL's claims as token.claims of an authorizer that zitadel() configures", () => {
    const authorizer = new Authorizer(zitadel(options));
    expectTypeOf<TokenOf<typeof authorizer>['claims']>().toEqualTypeOf<ZitadelClaims>();
    const other = new Authorizer(zitadel({ ...options, claims: (token) => ({ id: String(token.sub) }) }));
    expectTypeOf<TokenOf<typeof other>['claims']>().toEqualTypeOf<{ id: string }>();
  });

  it('are readonly', () => {
    const change = (token: ActiveToken) => {
      // @ts-expect-error a response cannot be changed
      token.sub = 'another';
      // @ts-expect-error nor can a nested value
      if (typeof token.aud === 'object') token.aud[0] = 'another';
    };
    expectTypeOf(change).toBeFunction();
  });
});

describe('membersOf', () => {
  it.each([
    [undefined, []],
    [null, []],
    ['text', []],
    [5, []],
    [[], []],
    [[null, 'text', ['a']], []],
    [
      { a: 1, b: 2 },
      [
        ['a', 1],
        ['b', 2],
      ],
    ],
    [
      [{ a: 1 }, 5, { b: 2 }],
      [
        ['a', 1],
        ['b', 2],
      ],
    ],
  ])('of %j returns %j', (claim, members) => {
    expect(membersOf(claim)).toEqual(members);
  });
});
