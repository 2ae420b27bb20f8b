import { once } from 'node:events';
import { createServer, request as nodeRequest, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Authorizer, type AuthorizerOptions, type Policy } from '@acme/introspect-core';
import { mcpGate, mcpVerifier, toNodeHandler } from '@acme/introspect-core/mcp';
import { json, respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { requireBearerAuth } from '@modelcontextprotocol/express';
import * as errors from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth as requireBearerAuthOfVersion1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { createMcpHandler, McpServer, requireScopes } from '@modelcontextprotocol/server';
import express from 'express';
import { withMcpAuth } from 'mcp-handler';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { knownOptions, read, rows } from './pages.js';

let server: ScriptedServer;
const closing: (() => void)[] = [];
beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey', aud: '42', scope: 'read', exp: 4_000_000_000 });
  server.tokens.set('endless', { sub: 'mickey', aud: '42', scope: 'read' });
  server.tokens.set('other', { sub: 'mickey', aud: '43', scope: 'read', exp: 4_000_000_000 });
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closing.splice(0)) close();
  await server.close();
});

/** A row of the table: the request, and what differs for it. */
interface Situation {
  authorization?: string[];
  policy?: Policy;
  scope?: string;
  prepare?(): void;
}

const bearer = (token: string) => ({ authorization: [`Bearer ${token}`] });
const good = bearer('good');
const situations: Record<string, Situation> = {
  'no token': {},
  'two `Authorization` fields': { authorization: ['Bearer good', 'Bearer other'] },
  'a token that is not valid': bearer('unknown'),
  'a token for another audience': bearer('other'),
  'a token of a kind that the server does not introspect': {
    ...good,
    prepare: () => server.always(json({ error: 'unsupported_token_type' }, { status: 400 })),
  },
  'a scope is missing': { ...good, scope: 'write' },
  'the login is too old': { ...good, policy: { maxAuthenticationAgeSeconds: 60 } },
  'a role is missing': { ...good, policy: { anyRole: ['admin'] } },
  'a valid token without `exp`': bearer('endless'),
  'the authorization server is down': { ...good, prepare: () => server.always(respond({ status: 503 })) },
  'the authorization server sends an invalid response': {
    ...good,
    prepare: () => server.always(respond({ status: 200, body: 'hello' })),
  },
  "the authorization server rejects the API's own credentials": {
    ...good,
    prepare: () => server.always(json({ error: 'invalid_client' }, { status: 401 })),
  },
  'your `check` throws an error': { ...good, policy: { check: () => Promise.reject(new RangeError('mine')) } },
};

/** Sends a request to a listener, and returns the status and the error code of the response. */
async function outcome(listener: RequestListener, authorization: string[] = []): Promise<string> {
  const api = createServer(listener).listen(0, '127.0.0.1');
  await once(api, 'listening');
  closing.push(
    () => void api.close(),
    () => api.closeAllConnections(),
  );
  const { port } = api.address() as AddressInfo;
  const headers = ['Host', 'a', 'Connection', 'close', ...authorization.flatMap((value) => ['Authorization', value])];
  const sent = nodeRequest({ host: '127.0.0.1', port, path: '/mcp', headers: headers as never }).end();
  const [response] = await once(sent, 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  const challenge = response.headers['www-authenticate'];
  return written(response.statusCode, challenge, body);
}

/** Returns what the table says: the status, and the error code of the challenge or of the body. */
function written(status: number, challenge: string | null | undefined, body: string): string {
  const [, error = /"error":"(\w+)"/.exec(body)?.[1]] = /error="(\w+)"/.exec(challenge ?? '') ?? [];
  if (status === 401 || error === 'insufficient_scope') expect(challenge).toMatch(/^Bearer /);
  return error === undefined ? String(status) : `${status} \`${error}\``;
}

describe('docs/mcp.md', () => {
  it.each(Object.entries(situations))(
    'says how each gate responds: %s',
    async (name, { authorization, policy = {}, scope = 'read', prepare }) => {
      const options: AuthorizerOptions = {
        introspectionEndpoint: server.introspectionEndpoint,
        clientId: 'api',
        clientSecret: 'secret',
        audience: '42',
        resource: 'https://mcp.example/mcp',
        rolesOf: () => [],
        retry: { attempts: 1 },
        log: false,
      };
      const authorizer = new Authorizer(options);
      prepare?.();

      const pass = (_: unknown, response: express.Response) => void response.end('passed');
      const app = () => express().set('env', 'test');
      const onError: express.ErrorRequestHandler = (_, __, response, ___) => void response.status(500).end();
      const gate = mcpGate(authorizer, authorizer.policy(policy, { scopes: [scope] }));
      const common = { requiredScopes: [scope] };
      const version2 = requireBearerAuth({ ...common, verifier: mcpVerifier(authorizer, { policy }) });
      const version1 = requireBearerAuthOfVersion1({
        ...common,
        verifier: mcpVerifier(authorizer, { policy, errors }),
      });
      const vercel = withMcpAuth(() => new Response('passed'), mcpVerifier(authorizer, { policy }).verifyToken, {
        ...common,
        required: true,
      });
      const headers = authorization?.map((value): [string, string] => ['authorization', value]) ?? [];
      const fromVercel = await vercel(new Request('https://mcp.example/mcp', { headers }));

      const row = rows(await read('docs/mcp.md')).find(([first]) => first === name);
      expect([
        name,
        await outcome(app().use(toNodeHandler(gate), pass, onError), authorization),
        await outcome(app().use(version2, pass), authorization),
        await outcome(app().use(version1, pass), authorization),
        written(fromVercel.status, fromVercel.headers.get('www-authenticate'), await fromVercel.text()),
      ]).toEqual(row);
    },
  );

  it('has a row for each of these requests, and no other', async () => {
    const table = (await read('docs/mcp.md')).split('These gates respond differently')[1] ?? '';
    expect(
      rows(table)
        .slice(2)
        .map(([first]) => first),
    ).toEqual(Object.keys(situations));
  });

  it('names every option of mcpGate and of mcpVerifier, and no other', async () => {
    const page = await read('docs/mcp.md');
    const tables = page.split(/^\| option .*$/m).slice(1);
    const named = tables.map((table) =>
      rows(table.split('\n\n')[0] ?? '').flatMap(([first]) => /^`(\w+)`$/.exec(first ?? '')?.[1] ?? []),
    );
    const authorizer = new Authorizer({
      issuer: 'https://a.example',
      clientId: 'c',
      clientSecret: 's',
      resource: 'https://mcp.example',
    });
    expect(named.map((names) => names.sort())).toEqual([
      knownOptions(() => mcpGate(authorizer, {}, { unknown: 1 } as never)).sort(),
      knownOptions(() => mcpVerifier(authorizer, { unknown: 1 } as never)).sort(),
    ]);
  });
});

describe('a tool with requireScopes of the SDK', () => {
  it('accepts implied scopes, and challenges with the document of the gate', async () => {
    const authorizer = new Authorizer({
      introspectionEndpoint: server.introspectionEndpoint,
      clientId: 'api',
      clientSecret: 'secret',
      audience: '42',
      resource: 'https://mcp.example/mcp',
    });
    const gate = mcpGate(authorizer, { scopes: ['read'] }, { scopeImplies: { write: ['read', 'draft'] } });
    const mcp = createMcpHandler(() => {
      const tools = new McpServer({ name: 'test', version: '1.0.0' });
      tools.registerTool('save', { scopeChallenge: requireScopes('draft') }, () => ({ content: [] }));
      return tools;
    });
    server.tokens.set('writer', { sub: 'mickey', aud: '42', scope: 'write' });
    const call = async (token: string) => {
      const headers = {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      };
      const body = JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'save', arguments: {} },
      });
      const request = new Request('https://mcp.example/mcp', { method: 'POST', headers, body });
      const auth = await gate(request);
      return auth instanceof Response ? auth : mcp.fetch(request, { authInfo: auth });
    };
    expect((await call('writer')).status).toBe(200);
    const response = await call('good');
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringContaining(
        'scope="draft", resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"',
      ),
    ]);
  });
});

describe('the gate of version 1 of the SDK', () => {
  it('responds 500 to a rejected token if the verifier has no error classes, and never lets it pass', async () => {
    const authorizer = new Authorizer({
      introspectionEndpoint: server.introspectionEndpoint,
      clientId: 'api',
      clientSecret: 'secret',
    });
    const gate = requireBearerAuthOfVersion1({ verifier: mcpVerifier(authorizer) });
    const app = express().use(gate, (_, response) => void response.end('passed'));
    expect(await outcome(app, ['Bearer unknown'])).toBe('500 `server_error`');
  });
});
