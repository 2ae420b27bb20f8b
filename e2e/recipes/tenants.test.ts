import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { introspect } from '@acme/introspect-hono';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { blocks, programFolder } from '../documentation/pages.js';
import { transpiled } from '../transpiled.js';

const wellKnown = '/.well-known/oauth-protected-resource';

describe('the program tenants.ts in docs/several-issuers.md', () => {
  let issuers: Record<string, ScriptedServer>;
  let folder: string;
  let http: Server;
  let origin: string;
  let program: { authorizer: Parameters<typeof introspect>[0]; resourceMetadata(host?: string): Promise<Response> };
  beforeEach(async () => {
    const client = { clientId: 'my-api', clientSecret: 'my secret' };
    issuers = { 'a.example': await startScriptedServer(client), 'b.example': await startScriptedServer(client) };
    vi.stubGlobal('settingsOf', async (host: string) => issuers[host] && { issuer: issuers[host].origin, ...client });
    folder = await mkdtemp(programFolder);
    const found = (await blocks('docs/several-issuers.md', /^ts$/)).find(({ code }) =>
      code.startsWith('// tenants.ts'),
    );
    await writeFile(join(folder, 'tenants.mjs'), transpiled(found?.code ?? ''));
    program = await import(/* @vite-ignore */ join(folder, 'tenants.mjs'));

    const app = new Hono();
    app.get(wellKnown, (c) => program.resourceMetadata(c.req.header('host')));
    app.get('/me', introspect(program.authorizer).requireToken(), (c) => c.json({ iss: c.var.introspection.iss }));
    http = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
    await once(http, 'listening');
    origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    vi.unstubAllGlobals();
    http.close();
    for (const issuer of Object.values(issuers)) await issuer.close();
    await rm(folder, { recursive: true });
  });

  /** Sends a GET to a host, and returns the status, the challenge and the body. */
  async function send(host: string, path: string): Promise<[status: number | undefined, string | undefined, string]> {
    const request = httpRequest(origin, { path, headers: { Host: host }, agent: false }).end();
    const [response]: IncomingMessage[] = (await once(request, 'response')) as never;
    return [response?.statusCode, response?.headers['www-authenticate'], await text(response as IncomingMessage)];
  }

  it.each(['a.example', 'b.example'])(
    'serves the document that the challenge of the tenant names, with the issuer of this tenant alone: %s',
    async (host) => {
      await send('a.example', '/me'); // both tenants are loaded
      await send('b.example', '/me');
      const [, challenge] = await send(host, '/me');
      expect(challenge).toBe(`Bearer resource_metadata="https://${host}${wellKnown}"`);
      const [status, , body] = await send(host, wellKnown);
      expect([status, JSON.parse(body)]).toEqual([
        200,
        {
          resource: `https://${host}`,
          authorization_servers: [issuers[host]?.origin],
          bearer_methods_supported: ['header'],
        },
      ]);
    },
  );

  it('serves no document for a host that is not a tenant', async () => {
    expect(await send('c.example', wellKnown)).toEqual([404, undefined, '']);
    expect((await send('c.example', '/me')).slice(0, 2)).toEqual([401, 'Bearer realm="api"']);
  });

  it('makes an authorizer that an adapter cannot serve one document of', () => {
    const { authorizer } = program;
    expect(() => introspect({ authorizer, serveResourceMetadata: true } as never)).toThrow(
      /each tenant has resource metadata of its own.*protectedResourceMetadata/,
    );
  });
});
