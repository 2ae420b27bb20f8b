import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type Demo, demoSettings } from 'demo';
import { type LocalIssuer, startLocalIssuer } from 'local-issuer';
import { defaultConfiguration, demoService } from 'local-issuer/configuration';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startMcpDemo } from '../src/mcp-demo.js';

// The SDK does not form-encode credentials (RFC 6749 §2.3.1), so this secret has no character that needs it.
const user = { ...demoService, clientSecret: 'plain-secret' };
const reader = { ...user, username: 'reader', scopes: ['items:read'] };
const { projectId, apiApp } = defaultConfiguration;
const audienceScope = `urn:zitadel:iam:org:project:id:${projectId}:aud`;

let local: LocalIssuer;
let demo: Demo;
/** What the client has sent, and the responses, oldest first. */
let exchanges: { request: string; status: number; challenge: string | null }[];
const closing: Client[] = [];

beforeEach(async () => {
  exchanges = [];
  local = await startLocalIssuer({ configuration: { ...defaultConfiguration, serviceUsers: [user, reader] } });
  const settings = await demoSettings({
    ZITADEL_ISSUER: local.issuer,
    ZITADEL_CLIENT_ID: apiApp.clientId,
    ZITADEL_CLIENT_SECRET: apiApp.clientSecret,
    ZITADEL_PROJECT_ID: projectId,
  });
  const quiet = { ...settings, authorizer: { ...settings.authorizer, log: false as const, retry: { attempts: 1 } } };
  demo = await startMcpDemo(quiet, [audienceScope]);
});
afterEach(async () => {
  for (const client of closing.splice(0)) await client.close();
  await Promise.all([demo.close(), local.close()]);
});

/** Connects the client of the SDK, which gets its tokens at the local issuer. */
async function connect({ username, clientSecret }: typeof user, revision: string): Promise<Client> {
  const authProvider = new ClientCredentialsProvider({
    clientId: username,
    clientSecret,
    expectedIssuer: local.issuer,
  });
  const recorded = async (input: string | URL, init?: RequestInit) => {
    const response = await fetch(input, init);
    const { pathname } = new URL(input);
    const { method = '' } = typeof init?.body === 'string' && pathname === '/mcp' ? JSON.parse(init.body) : {};
    const request = `${init?.method ?? 'GET'} ${pathname} ${method}`.trimEnd();
    const challenge = response.headers.get('www-authenticate');
    // The client opens this stream at any time.
    if (request !== 'GET /mcp') exchanges.push({ request, status: response.status, challenge });
    return response;
  };
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: revision === '2025-11-25' ? 'legacy' : { pin: revision } } },
  );
  closing.push(client);
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${demo.origin}/mcp`), { authProvider, fetch: recorded }),
  );
  return client;
}

const metadataWalk = [
  ['GET /.well-known/oauth-protected-resource/mcp', 200],
  ['GET /.well-known/oauth-authorization-server', 404], // the local issuer has only the document of OpenID Connect
  ['GET /.well-known/openid-configuration', 200],
  ['POST /oauth/v2/token', 200],
];
const text = (value: string) => expect.objectContaining({ content: [{ type: 'text', text: value }] });

describe.each(['2025-11-25', '2026-07-28'])('the client of the SDK, in revision %s', (revision) => {
  it('goes from 401 to the metadata, gets a token, calls a tool, and steps up after 403', async () => {
    const metadata = `resource_metadata="${demo.origin}/.well-known/oauth-protected-resource/mcp"`;
    const client = await connect(user, revision);
    expect(client.getNegotiatedProtocolVersion()).toBe(revision);
    expect(exchanges[0]).toMatchObject({
      status: 401,
      challenge: `Bearer scope="${audienceScope} items:read", ${metadata}`,
    });
    expect(statuses().slice(1, 5)).toEqual(metadataWalk);
    expect(statuses()[5]).toEqual([exchanges[0]?.request, 200]); // the same request again

    expect(await client.callTool({ name: 'list_items' })).toEqual(text('hammer, nail'));
    const before = exchanges.length;
    const created = await client.callTool({ name: 'create_item', arguments: { name: 'saw' } });
    expect(created).toEqual(text(`saw, created by ${user.userId}`));
    expect(exchanges[before]).toEqual({
      request: 'POST /mcp tools/call',
      status: 403,
      challenge:
        'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", ' +
        `scope="${audienceScope} items:read items:write", ${metadata}`,
    });
    expect(statuses().slice(before + 1)).toEqual([...metadataWalk, ['POST /mcp tools/call', 200]]);
  });

  it('is refused a tool whose scope its user cannot get', async () => {
    const client = await connect(reader, revision);
    expect(await client.callTool({ name: 'list_items' })).toEqual(text('hammer, nail'));
    await expect(client.callTool({ name: 'create_item', arguments: { name: 'saw' } })).rejects.toThrow();
    expect(exchanges.some(({ request, status }) => request === 'POST /mcp tools/call' && status === 403)).toBe(true);
  });

  it('gets 503, and keeps its token, while the issuer is down', async () => {
    const client = await connect(user, revision);
    await local.close();
    const before = exchanges.length;
    await expect(client.callTool({ name: 'list_items' })).rejects.toThrow();
    expect(statuses().slice(before)).toEqual([['POST /mcp tools/call', 503]]);
    await local.reopen();
    expect(await client.callTool({ name: 'list_items' })).toEqual(text('hammer, nail'));
  });
});

const statuses = () => exchanges.map(({ request, status }) => [request, status]);
