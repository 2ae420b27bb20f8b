import { active, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ClientSecretJwtOptions,
  clientSecretJwt,
} from '../../src/extensions/private-key-jwt/client-secret-jwt.js';
import { IntrospectionClient } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';

const clientSecret = 'canary: a secret of 32 bytes, é +%';

let server: ScriptedServer;
let clocks: Clocks;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active());
  clocks = new Clocks();
});
afterEach(() => server.close());

const clientOf = (options: Partial<ClientSecretJwtOptions> = {}) => {
  const { now, monotonicNow } = clocks;
  const clientAuthentication = clientSecretJwt({ clientId: 'api', clientSecret, now, monotonicNow, ...options });
  return new IntrospectionClient({ issuer: server.origin, clientAuthentication, retry: { attempts: 1 } });
};
const assertions = () => server.introspections.map(({ form }) => form.get('client_assertion') ?? '');
const verify = (jwt: string | undefined, secret: string) =>
  jwtVerify(jwt ?? '', new TextEncoder().encode(secret), {
    algorithms: ['HS256'],
    issuer: 'api',
    subject: 'api',
    audience: server.origin,
    requiredClaims: ['jti', 'iat', 'exp'],
    currentDate: new Date(clocks.wallMs),
  });

describe('clientSecretJwt', () => {
  it('sends an assertion that the secret signed by HS256, with the client id and without the secret', async () => {
    await clientOf().introspect('token');
    const [jwt] = assertions();
    await verify(jwt, clientSecret);
    expect(decodeProtectedHeader(jwt ?? '')).toEqual({ typ: 'client-authentication+jwt', alg: 'HS256' });
    const [request] = server.introspections;
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      token: 'token',
      token_type_hint: 'access_token',
      client_id: 'api',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: jwt,
    });
    expect(request?.field('authorization')).toEqual([]);
  });

  it('signs a new assertion for each request, or reuses one for reuseSeconds', async () => {
    const fresh = clientOf();
    for (const token of ['a', 'b']) await fresh.introspect(token);
    const reusing = clientOf({ reuseSeconds: 60 });
    for (const token of ['a', 'b']) await reusing.introspect(token);
    const [first, second, third, fourth] = assertions();
    expect([first === second, third === fourth]).toEqual([false, true]);
  });

  it('calls a secret function for each assertion, so that the secret can rotate', async () => {
    const secrets = ['one', 'two'];
    const client = clientOf({ clientSecret: async () => secrets.shift() ?? '' });
    for (const token of ['a', 'b']) await client.introspect(token);
    await verify(assertions()[0], 'one');
    await verify(assertions()[1], 'two');
  });

  it('fails the request as unavailable if the function returns no secret', async () => {
    for (const value of [undefined, '', 'undefined', 5]) {
      const client = clientOf({ clientSecret: () => value as string });
      await expect(client.introspect('token')).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(server.introspections).toHaveLength(0);
  });

  it('needs a client with an issuer', () => {
    const { introspectionEndpoint } = server;
    const clientAuthentication = clientSecretJwt({ clientId: 'api', clientSecret });
    expect(() => new IntrospectionClient({ introspectionEndpoint, clientAuthentication })).toThrow(
      'IntrospectionClient: "issuer" is needed by this "clientAuthentication"',
    );
  });

  it.each<[unknown, string]>([
    [undefined, 'the options must be an object'],
    ...[undefined, '', 'undefined'].flatMap((unset): [unknown, string][] => [
      [{ clientId: unset, clientSecret }, '"clientId" must be a string that is not empty, and not "undefined"'],
      [
        { clientId: 'c', clientSecret: unset },
        '"clientSecret" must be a string that is not empty, and not "undefined"',
      ],
    ]),
    [{ clientId: 'c' }, '"clientSecret" is missing'],
    [{ clientId: 'c', clientSecret: 5 }, '"clientSecret" must be a string'],
    [{ clientId: 'c', clientSecret, reuseSeconds: -1 }, '"reuseSeconds" must be a number of seconds'],
    [
      { clientId: 'c', clientSecret, keyId: 'k' },
      'unknown option "keyId"; known options: clientId, clientSecret, reuse',
    ],
  ])('rejects invalid options, without the secret in the message (%#)', (options, message) => {
    const create = () => clientSecretJwt(options as ClientSecretJwtOptions);
    expect(create).toThrow(TypeError);
    expect(create).toThrow(`clientSecretJwt: ${message}`);
    expect(create).not.toThrow(/canary/);
  });
});
