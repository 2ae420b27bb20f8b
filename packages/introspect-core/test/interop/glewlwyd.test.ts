import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientSecretBasic, clientSecretPost, IntrospectionClient } from '../../src/index.js';
import { findGlewlwyd, type Glewlwyd, startGlewlwyd } from './glewlwyd.js';

const program = findGlewlwyd();

it('the report says whether glewlwyd is installed', ({ annotate }) =>
  annotate(program ?? 'glewlwyd (with sqlite3) is not installed on this machine: its interop tests are skipped'));

describe.runIf(program)('glewlwyd', () => {
  let server: Glewlwyd;
  beforeAll(async () => {
    server = await startGlewlwyd();
  }, 30_000);
  afterAll(() => server.stop());

  const credentials = () => ({ clientId: server.clientId, clientSecret: server.clientSecret });

  it.each([
    ['discovery and client_secret_basic', () => ({ issuer: server.issuer, ...credentials() })],
    [
      'its endpoint and client_secret_post',
      () => ({
        introspectionEndpoint: server.introspectionEndpoint,
        clientAuthentication: clientSecretPost(credentials()),
      }),
    ],
  ])('glewlwyd introspects a token with %s as active, until the token is revoked', async (_, options) => {
    const client = new IntrospectionClient(options());
    const token = await server.mintAccessToken();
    await expect(client.introspect(token)).resolves.toMatchObject({
      active: true,
      client_id: server.clientId,
      scope: 'read',
      exp: expect.any(Number),
    });
    await server.revoke(token);
    await expect(client.introspect(token)).resolves.toEqual({ active: false });
  });

  it('glewlwyd responds with inactive to garbage', async () => {
    const { introspectionEndpoint } = server;
    const client = new IntrospectionClient({ introspectionEndpoint, ...credentials() });
    await expect(client.introspect('garbage')).resolves.toEqual({ active: false });
  });

  it('glewlwyd rejects a wrong secret with an empty 401', async () => {
    const { introspectionEndpoint } = server;
    const client = new IntrospectionClient({ introspectionEndpoint, ...credentials(), clientSecret: 'wrong' });
    await expect(client.introspect('garbage')).rejects.toMatchObject({ code: 'invalid_client' });
  });

  it('glewlwyd does not form-decode Basic credentials: it accepts them raw, and the message of its 401 says so', async () => {
    const { introspectionEndpoint, rawClient } = server;
    const raw = clientSecretBasic({ ...rawClient, encoding: 'raw' });
    const client = new IntrospectionClient({ introspectionEndpoint, clientAuthentication: raw });
    await expect(client.introspect('garbage')).resolves.toEqual({ active: false });
    const encoded = new IntrospectionClient({ introspectionEndpoint, ...rawClient });
    await expect(encoded.introspect('garbage')).rejects.toMatchObject({
      code: 'invalid_client',
      message: expect.stringContaining("try clientSecretBasic({ encoding: 'raw' })"),
    });
  });
});
