import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type OidcProvider, startOidcProvider } from './oidc-provider.js';

const program = fileURLToPath(new URL('../../packages/introspect-cli/dist/introspect.js', import.meta.url));

let server: OidcProvider;
beforeAll(async () => {
  // It prints notices about settings that matter in production.
  for (const level of ['info', 'warn'] as const) vi.spyOn(console, level).mockReturnValue();
  server = await startOidcProvider();
});
afterAll(() => server.close());

/** Runs the command with the environment variables of the server, and checks that it prints neither secret nor token. */
async function introspect(command: string, changes: { token?: string; secret?: string; auth?: string } = {}) {
  const secret = changes.secret ?? server.api.clientSecret;
  const child = spawn(process.execPath, [program, command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH ?? '',
      INTROSPECT_ISSUER: server.issuer,
      INTROSPECT_CLIENT_ID: server.api.clientId,
      INTROSPECT_CLIENT_SECRET: secret,
      ...(changes.token !== undefined && { INTROSPECT_TOKEN: changes.token }),
      ...(changes.auth !== undefined && { INTROSPECT_AUTH: changes.auth }),
    },
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      printed += text;
    });
  }
  const [code] = await once(child, 'close');
  for (const hidden of [secret, changes.token]) if (hidden !== undefined) expect(printed).not.toContain(hidden);
  expect(printed).not.toMatch(/zitadel:|ZITADEL_TOKEN is (in)?active/i);
  return { code, printed };
}

describe('introspect token at oidc-provider', () => {
  it('shows the claims of an active token', async () => {
    const token = await server.getToken({ client: 'admin', scope: 'items:read' });
    const { code, printed } = await introspect('token', { token });
    expect([code, printed]).toEqual([0, expect.stringMatching(/^active +yes\nroles +admin\nclient_id +admin\n/)]);
    expect(printed).not.toContain('Warning');
  });

  it('warns about a refresh token, which the server reports as active without a token_type', async () => {
    const { code, printed } = await introspect('token', { token: await server.getRefreshToken() });
    expect([code, printed]).toEqual([
      0,
      expect.stringMatching(/^active +yes\n.*Warning: The response has no token_type/s),
    ]);
  });

  it('does not guess why an opaque token is inactive', async () => {
    const token = await server.getToken({ client: 'reader' });
    await server.revoke(token);
    const { code, printed } = await introspect('token', { token });
    expect([code, printed]).toEqual([1, expect.stringMatching(/^inactive\n\nIt is not a JWT, so nothing can be read/)]);
  });

  it('says that the server does not introspect JWTs', async () => {
    const { code, printed } = await introspect('token', { token: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.' });
    expect([code, printed]).toEqual([3, expect.stringContaining('Some servers do not introspect JWTs')]);
  });
});

describe('introspect doctor at oidc-provider', () => {
  it('finds nothing wrong with the right settings', async () => {
    const token = await server.getToken({ client: 'reader' });
    const { code, printed } = await introspect('doctor', { token });
    expect([code, printed]).toEqual([0, expect.stringContaining('the given token is active')]);
    expect(printed).toContain('0 errors,');
  });

  it.each([
    ['a wrong secret', { secret: 'wrong-secret' }, 'credentials_refused_401'],
    ['raw credentials, which the server cannot decode', { auth: 'basic-raw' }, 'invalid_request'],
    ['no credentials', { auth: 'none' }, 'invalid_request'],
  ])('finds %s', async (_, changes, finding) => {
    const { code, printed } = await introspect('doctor', changes);
    expect([code, printed]).toEqual([1, expect.stringContaining(`(${finding})`)]);
  });
});
