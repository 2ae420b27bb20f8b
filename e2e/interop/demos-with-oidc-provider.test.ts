import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type DemoName, type DemoProgram, startDemoProgram } from './demo-program.js';
import { type OidcProvider, startOidcProvider } from './oidc-provider.js';

const demos: readonly DemoName[] = ['express-demo', 'fastify-demo', 'hono-demo', 'nestjs-demo'];

let server: OidcProvider;
let environment: Record<string, string>;
beforeAll(async () => {
  // It prints notices about settings that matter in production.
  for (const level of ['info', 'warn'] as const) vi.spyOn(console, level).mockReturnValue();
  server = await startOidcProvider();
  environment = {
    INTROSPECT_ISSUER: server.issuer,
    INTROSPECT_CLIENT_ID: server.api.clientId,
    INTROSPECT_CLIENT_SECRET: server.api.clientSecret,
  };
});
afterAll(() => server.close());

/** Starts a demo that ends with the test. */
async function start(name: DemoName, changes: Record<string, string> = {}): Promise<DemoProgram> {
  const demo = await startDemoProgram(name, { ...environment, ...changes });
  onTestFinished(() => demo.end());
  return demo;
}

describe.each(demos)('%s with the environment variables of an oidc-provider', (name) => {
  it('responds with 200 to a token with the scope and the role, and with 403 to a token without them', async () => {
    const { request } = await start(name);
    const admin = await server.getToken({ client: 'admin', scope: 'items:read items:write' });
    const reader = await server.getToken({ client: 'reader', scope: 'items:read' });
    const scopeless = await server.getToken({ client: 'reader' });
    expect(await request('/me', admin)).toMatchObject({
      status: 200,
      body: { active: true, client_id: 'admin', iss: server.issuer, token_type: 'Bearer' },
    });
    expect(await request('/items', reader)).toMatchObject({ status: 200, body: { items: ['hammer', 'nail'] } });
    expect(await request('/items', admin, 'POST')).toMatchObject({ status: 201 });
    expect(await request('/admin', admin)).toMatchObject({ status: 200 });
    expect(await request('/me', scopeless)).toMatchObject({ status: 200 });
    expect(await request('/items', scopeless)).toMatchObject({
      status: 403,
      body: { error: 'insufficient_scope' },
      challenge: expect.stringContaining('scope="items:read"'),
    });
    expect(await request('/items', reader, 'POST')).toMatchObject({ status: 403 });
    expect(await request('/admin', reader)).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(await request('/ready')).toMatchObject({ status: 200 });
  });

  it('responds with 401 without a token, and to a token that is invented, revoked, or a JWT', async () => {
    const { request } = await start(name);
    const revoked = await server.getToken({ client: 'reader' });
    expect(await request('/me', revoked)).toMatchObject({ status: 200 });
    await server.revoke(revoked);
    const jwt = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.'; // oidc-provider responds with 400 to each JWT
    for (const token of ['invented', revoked, jwt]) {
      expect(await request('/me', token)).toMatchObject({
        status: 401,
        body: { error: 'invalid_token' },
        challenge: expect.stringContaining('error="invalid_token"'),
      });
    }
    expect(await request('/me')).toMatchObject({
      status: 401,
      body: {},
      challenge: expect.not.stringContaining('error='),
    });
  });

  it('responds with 503 if the secret is wrong, and logs what to do without the secret', async () => {
    const wrong = 'wrong-secret-of-this-api';
    const { request, log } = await start(name, { INTROSPECT_CLIENT_SECRET: wrong });
    const token = await server.getToken({ client: 'reader', scope: 'items:read' });
    for (const path of ['/me', '/items']) {
      expect(await request(path, token)).toEqual({
        status: 503,
        body: { error: 'temporarily_unavailable' },
        challenge: null,
      });
    }
    expect(await request('/ready')).toMatchObject({ status: 503 });
    expect(await request('/public')).toMatchObject({ status: 200 });
    await vi.waitFor(() => expect(log()).toContain('npx @acme/introspect-cli doctor'), { timeout: 30_000 });
    expect(log()).toContain("rejected this API's own credentials");
    expect(log()).not.toContain(wrong);
    expect(log()).not.toContain(token);
  });

  it('responds with 503 while the server closes each connection, and with 200 after that', async () => {
    const { request } = await start(name);
    const token = await server.getToken({ client: 'reader' });
    expect(await request('/me', token)).toMatchObject({ status: 200 });
    server.fail();
    expect(await request('/me', token)).toMatchObject({ status: 503, challenge: null });
    server.recover();
    expect(await request('/me', token)).toMatchObject({ status: 200 });
  });
});
