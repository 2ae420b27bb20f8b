import { respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type AuthInfo,
  type McpGate,
  type McpMessage,
  type McpPolicy,
  mcpGate,
} from '../../../src/extensions/mcp/mcp.js';
import { type ActiveToken, Authorizer, type AuthorizerSettings, issuers, type Policy } from '../../../src/index.js';

const resource = 'https://mcp.example/tools/mcp';
const documentUrl = 'https://mcp.example/.well-known/oauth-protected-resource/tools/mcp';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  const claims = { sub: 'mickey', aud: ['42'] };
  server.tokens.set('reader', { ...claims, scope: 'files:read' });
  server.tokens.set('writer', { ...claims, scope: 'files:write', exp: 4_000_000_000 });
  server.tokens.set('both', { ...claims, scope: 'files:read files:write' });
  server.tokens.set('other', { ...claims, aud: ['43'] });
});
afterEach(() => server.close());

const authorizerWith = (settings: AuthorizerSettings = {}) =>
  new Authorizer({
    issuer: server.origin,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    log: false,
    audience: '42',
    resource,
    ...settings,
  });

const call = (name: string): McpMessage => ({ method: 'tools/call', params: { name, arguments: {} }, id: 1 });

/** Returns a POST with a token and a body; `body` is sent as it is if it is a string. */
function post(token?: string, body: unknown = call('read'), headers: Record<string, string> = {}): Request {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return new Request(resource, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization, ...headers },
    body: text as BodyInit,
  });
}

/** Returns the response of a gate, and fails if it lets the request pass. */
async function denied(gate: McpGate<undefined> | McpGate, request: Request): Promise<Response> {
  const outcome = await gate(request);
  if (outcome instanceof Response) return outcome;
  return expect.fail('the gate let the request pass');
}

async function passed(gate: McpGate, request: Request): Promise<AuthInfo> {
  const outcome = await gate(request);
  if (!(outcome instanceof Response)) return outcome;
  return expect.fail(`the gate responded ${outcome.status}`);
}

const challengeOf = (response: Response) => response.headers.get('www-authenticate');
/** Writing needs another scope than everything else. */
const byTool = (message: McpMessage | undefined) => (message?.params?.name === 'write' ? writing : reading);
const reading = { scopes: ['files:read'] } satisfies Policy;
const writing = { scopes: ['files:read', 'files:write'] } satisfies Policy;

describe('mcpGate', () => {
  it('resolves with the AuthInfo of an accepted token', async () => {
    expect(await passed(mcpGate(authorizerWith(), writing), post('both'))).toEqual({
      token: 'both',
      clientId: 'mickey',
      scopes: ['files:read', 'files:write'],
      resource: new URL(resource),
      resourceMetadataUrl: documentUrl,
      extra: expect.objectContaining({ active: true, sub: 'mickey', aud: ['42'] }),
    });
  });

  it('challenges a request without a token: 401, with metadata and scope, and without an error', async () => {
    const response = await denied(mcpGate(authorizerWith(), reading), post());
    expect([response.status, challengeOf(response)]).toEqual([
      401,
      `Bearer scope="files:read", resource_metadata="${documentUrl}"`,
    ]);
    expect(await response.json()).toEqual({});
  });

  it('challenges an invalid token: 401 invalid_token', async () => {
    const response = await denied(mcpGate(authorizerWith(), reading), post('unknown'));
    expect([response.status, challengeOf(response)]).toEqual([
      401,
      `Bearer error="invalid_token", error_description="The access token is not active", resource_metadata="${documentUrl}"`,
    ]);
  });

  it('rejects a token for another audience, which need not be the URL of the server', async () => {
    const response = await denied(mcpGate(authorizerWith()), post('other'));
    expect([response.status, challengeOf(response)]).toEqual([401, expect.stringContaining('another audience')]);
  });

  it('names all scopes of the operation in one challenge if one is missing: 403 insufficient_scope', async () => {
    const response = await denied(mcpGate(authorizerWith(), writing), post('reader'));
    expect([response.status, challengeOf(response)]).toEqual([
      403,
      'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", ' +
        `scope="files:read files:write", resource_metadata="${documentUrl}"`,
    ]);
  });

  it('responds 503 with Retry-After, and no challenge, while the authorization server is down', async () => {
    server.always(respond({ status: 503, headers: { 'retry-after': '7' } }));
    const response = await denied(mcpGate(authorizerWith(), reading), post('reader'));
    const { status, headers } = response;
    expect([status, headers.get('retry-after'), challengeOf(response)]).toEqual([503, '7', null]);
  });

  it('responds 400 to two tokens, and reads no token from the query', async () => {
    const gate = mcpGate(authorizerWith());
    expect((await denied(gate, post('reader, Bearer both'))).status).toBe(400);
    expect((await denied(gate, new Request(`${resource}?access_token=both`))).status).toBe(401);
  });

  it('resolves with undefined for a request without a token if the policy is optional', async () => {
    const gate = mcpGate(authorizerWith(), { optional: true });
    expect(await gate(post())).toBeUndefined();
    expect((await denied(gate, post('unknown'))).status).toBe(401);
  });

  it('guards a CORS preflight, even if passPreflight is true: nothing would be left to guard the handler', async () => {
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
    const preflight = new Request(resource, { method: 'OPTIONS', headers });
    expect((await denied(mcpGate(authorizerWith({ passPreflight: true })), preflight)).status).toBe(401);
  });

  it('rejects with an error of the app, and runs background work through waitUntil', async () => {
    const failing = mcpGate(authorizerWith(), { check: () => Promise.reject(new RangeError('mine')) });
    await expect(failing(post('reader'))).rejects.toThrow(RangeError);
    const waitUntil = vi.fn();
    let seen: unknown;
    const check: Policy['check'] = (_, request) => {
      seen = request.waitUntil;
      return true;
    };
    await mcpGate(authorizerWith(), { check })(post('reader'), { waitUntil });
    (seen as (promise: Promise<void>) => void)(Promise.resolve());
    expect(waitUntil).toHaveBeenCalledOnce();
  });
});

describe('the AuthInfo of mcpGate', () => {
  it.each([
    [{ client_id: 'c', azp: 'a', sub: 's' }, 'c'],
    [{ azp: 'a', sub: 's' }, 'a'],
    [{ azp: 5, sub: 's' }, 's'],
    [{}, ''],
  ])('of %j has the client id "%s"', async (claims, clientId) => {
    server.tokens.set('t', { aud: '42', ...claims });
    expect(await passed(mcpGate(authorizerWith()), post('t'))).toMatchObject({ clientId });
  });

  it('has the expiry of the token, and none for a token without exp', async () => {
    const gate = mcpGate(authorizerWith());
    expect(await passed(gate, post('writer'))).toMatchObject({ expiresAt: 4_000_000_000 });
    expect(await passed(gate, post('reader'))).not.toHaveProperty('expiresAt');
  });

  it('has the resource only if the audience was checked, or if the token names the resource', async () => {
    server.tokens.set('t', { aud: ['x', `${resource}/`] });
    const open = new Authorizer({
      issuer: server.origin,
      clientId: 'api',
      clientSecret: 'secret',
      resource,
    });
    expect(await passed(mcpGate(open, {}, { anyAudience: true }), post('reader'))).not.toHaveProperty('resource');
    expect(await passed(mcpGate(open, {}, { anyAudience: true }), post('t'))).toMatchObject({
      resource: new URL(resource),
    });
  });

  it('has the claims of the authorizer, and no scopes for a token without scope', async () => {
    server.tokens.set('t', { aud: '42', email: 'a@b.example' });
    const authorizer = authorizerWith({ claims: ({ email }: ActiveToken) => ({ email: String(email) }) } as never);
    expect(await passed(mcpGate(authorizer), post('t'))).toMatchObject({
      scopes: [],
      extra: { claims: { email: 'a@b.example' } },
    });
  });
});

describe('the option scopeImplies', () => {
  const implied = { scopeImplies: { 'files:write': ['files:read'], admin: ['files:write'] } };

  it('accepts a scope in place of those that it implies, also through another scope', async () => {
    server.tokens.set('admin', { aud: '42', scope: 'admin' });
    const gate = mcpGate(authorizerWith(), byTool, implied);
    expect(await passed(gate, post('writer'))).toMatchObject({ scopes: ['files:write', 'files:read'] });
    expect(await passed(gate, post('admin', call('write')))).toMatchObject({
      scopes: ['admin', 'files:write', 'files:read'],
    });
    expect(challengeOf(await denied(gate, post('reader', call('write'))))).toContain('scope="files:read files:write"');
    expect((await denied(mcpGate(authorizerWith(), byTool), post('writer'))).status).toBe(403);
  });

  it.each([
    [{ a: ['b'], b: ['c'], c: ['a'] }, ['a', 'b', 'c']],
    [{ a: ['a', 'b'] }, ['a', 'b']],
    [{ __proto__: null, toString: ['b'] }, ['a']],
  ])('ends for scopes that imply each other: %j', async (scopeImplies, scopes) => {
    server.tokens.set('t', { aud: '42', scope: 'a' });
    const gate = mcpGate(authorizerWith(), {}, { scopeImplies: scopeImplies as never });
    expect(await passed(gate, post('t'))).toMatchObject({ scopes });
  });
});

describe('a policy for each message', () => {
  it('depends on the message of the body, which the server can still read', async () => {
    const gate = mcpGate(authorizerWith(), byTool);
    const request = post('reader');
    await passed(gate, request);
    expect(await request.json()).toEqual(call('read'));
    const response = await denied(gate, post('reader', call('write')));
    expect([response.status, challengeOf(response)]).toEqual([
      403,
      expect.stringContaining('scope="files:read files:write"'),
    ]);
    await passed(gate, post('both', call('write')));
  });

  it('names the scopes of the operation to a request without a token', async () => {
    const gate = mcpGate(authorizerWith(), byTool);
    expect(challengeOf(await denied(gate, post(undefined, call('write'))))).toBe(
      `Bearer scope="files:read files:write", resource_metadata="${documentUrl}"`,
    );
  });

  it('must hold for every message of a batch', async () => {
    const gate = mcpGate(authorizerWith(), byTool);
    await passed(gate, post('reader', [call('read'), call('read')]));
    expect((await denied(gate, post('reader', [call('read'), call('write'), call('read')]))).status).toBe(403);
    await passed(gate, post('both', [call('read'), call('write')]));
  });

  it('is prepared once for all messages for which the function returns the same object', async () => {
    const read = vi.fn(() => ['files:read']);
    const counted = {
      get scopes() {
        return read();
      },
    };
    const gate = mcpGate(authorizerWith(), () => counted);
    await passed(gate, post('reader', call('read')));
    const reads = read.mock.calls.length;
    await passed(gate, post('reader', [call('read'), call('write')]));
    expect([reads > 0, read.mock.calls.length]).toEqual([true, reads]);
  });

  it('gets each message of a batch of 100', async () => {
    const policy = vi.fn(byTool);
    await passed(mcpGate(authorizerWith(), policy), post('reader', Array(100).fill({ method: 'ping' })));
    expect(policy).toHaveBeenCalledTimes(100);
  });

  it('gets notifications, and responses to requests of the server', async () => {
    const seen: (McpMessage | undefined)[] = [];
    const gate = mcpGate(authorizerWith(), (message) => {
      seen.push(message);
      return reading;
    });
    const messages = [
      { method: 'notifications/initialized', params: {} },
      { id: 1, result: {} },
      { id: 2, error: { code: 1 } },
    ];
    for (const message of messages) await passed(gate, post('reader', message));
    expect(seen).toEqual(messages);
  });

  it.each(['GET', 'DELETE'])('gets undefined for a %s, which has no body', async (method) => {
    const policy = vi.fn(byTool);
    const request = new Request(resource, { method, headers: { authorization: 'Bearer reader' } });
    await passed(mcpGate(authorizerWith(), policy), request);
    expect(policy.mock.calls).toEqual([[undefined]]);
  });

  const parseError = [-32_700, 'Parse error: the body must be JSON in UTF-8'] as const;
  const noMessage = [-32_600, 'Invalid Request: the body must be a JSON-RPC message, or a batch of them'] as const;
  const tooMany = [-32_600, 'Invalid Request: a batch must not have more than 100 messages'] as const;
  it.each<[string, string | Uint8Array, readonly [number, string]]>([
    ['no JSON', '{', parseError],
    ['an empty body', '', parseError],
    ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), parseError],
    ['UTF-16', new Uint8Array([0xff, 0xfe, 0x7b, 0x00]), parseError],
    ['a number', '5', noMessage],
    ['null', 'null', noMessage],
    ['an empty batch', '[]', noMessage],
    ['an object that is no message', '{}', noMessage],
    ['a batch with something that is no message', '[{"method":"ping"},5]', noMessage],
    ['a batch within a batch', '[[{"method":"ping"}]]', noMessage],
    ['a method that is no string', '{"method":["tools/call"],"params":{"name":"write"}}', noMessage],
    ['params that are a list', '{"method":"tools/call","params":["write"]}', noMessage],
    ['params that are null', '{"method":"tools/call","params":null}', noMessage],
    ['a batch of more than 100 messages', JSON.stringify(Array(101).fill({ method: 'ping' })), tooMany],
  ])(
    'does not let %s pass: 400 with a JSON-RPC error, or the challenge without a token',
    async (_, body, [code, message]) => {
      const policy = vi.fn(byTool);
      const gate = mcpGate(authorizerWith(), policy);
      const response = await denied(gate, post('both', body));
      expect([response.status, await response.json()]).toEqual([
        400,
        { jsonrpc: '2.0', error: { code, message }, id: null },
      ]);
      expect((await denied(gate, post(undefined, body))).status).toBe(401);
      expect(policy.mock.calls).toEqual([[undefined], [undefined]]);
    },
  );

  it('does not let a POST without a body pass: 400', async () => {
    const request = new Request(resource, { method: 'POST', headers: { authorization: 'Bearer both' } });
    expect((await denied(mcpGate(authorizerWith(), byTool), request)).status).toBe(400);
  });

  it('stops reading a body of more than maxBodyBytes: 413', async () => {
    const gate = mcpGate(authorizerWith(), byTool, { maxBodyBytes: 1000 });
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(400).fill(0x20));
      },
    });
    const headers = { authorization: 'Bearer both' };
    const request = new Request(resource, { method: 'POST', headers, body: endless, duplex: 'half' } as RequestInit);
    const response = await denied(gate, request);
    expect([response.status, await response.json()]).toEqual([
      413,
      {
        jsonrpc: '2.0',
        error: { code: -32_000, message: 'Payload Too Large: the body must not exceed 1000 bytes' },
        id: null,
      },
    ]);
    expect(pulled).toBeLessThan(10);
    await passed(gate, post('both', JSON.stringify(call('write')).padEnd(1000)));
  });

  it('cancels its copy of a body that it stops to read, so that the client can stop to send', async () => {
    const cancel = vi.fn();
    const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(new Uint8Array(400).fill(0x20));
    const body = new ReadableStream({ pull, cancel });
    const headers = { authorization: 'Bearer both' };
    const request = new Request(resource, { method: 'POST', headers, body, duplex: 'half' } as RequestInit);
    await denied(mcpGate(authorizerWith(), byTool, { maxBodyBytes: 1000 }), request);
    expect(cancel).not.toHaveBeenCalled();
    request.body?.cancel('unused').catch(() => {});
    await vi.waitFor(() => expect(cancel).toHaveBeenCalledOnce());
  });

  it('says that the body was read already', async () => {
    const request = post('both');
    await request.text();
    await expect(mcpGate(authorizerWith(), byTool)(request)).rejects.toThrow(
      new TypeError('mcpGate: the body was already read; call the gate before you read it'),
    );
  });

  it('reads no body for a policy of all requests', async () => {
    const request = post('reader', '{');
    await passed(mcpGate(authorizerWith(), reading), request);
    expect(request.bodyUsed).toBe(false);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a promise', Promise.resolve({ scopes: ['files:write'] })],
    ['a string', 'files:write'],
  ])('rejects the request if the function returns %s, which would accept every token', async (_, returned) => {
    const gate = mcpGate(authorizerWith(), (() => returned) as never);
    await expect(gate(post('both'))).rejects.toThrow(
      new TypeError('mcpGate: the function must return a policy for each message, and not a promise'),
    );
  });

  it('rejects the request if the policy is invalid', async () => {
    const gate = mcpGate(authorizerWith(), (() => ({ scope: ['a'] })) as never);
    await expect(gate(post('both'))).rejects.toThrow('unknown option "scope"');
  });

  it('is optional for a batch only if it is for each of its messages', async () => {
    const open: Policy = { optional: true };
    const gate = mcpGate(authorizerWith(), ((message: McpMessage) =>
      message.method === 'tools/list' ? open : reading) as McpPolicy<Policy>);
    expect(await gate(post(undefined, { method: 'tools/list' }))).toBeUndefined();
    expect((await denied(gate, post(undefined, [{ method: 'tools/list' }, call('read')]))).status).toBe(401);
  });
});

describe('the RFC 9728 document', () => {
  const send = (path: string, init?: RequestInit) =>
    denied(mcpGate(authorizerWith({ scopes: ['files:read'] })), new Request(`https://inner.example${path}`, init));
  const path = '/.well-known/oauth-protected-resource/tools/mcp';

  it.each([path, `${path}/`, `${path}?x=1`])('is served without a token at %s, to every origin', async (at) => {
    const response = await send(at);
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, '*']);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({
      resource,
      authorization_servers: [server.origin],
      scopes_supported: ['files:read'],
      bearer_methods_supported: ['header'],
    });
  });

  it('responds to HEAD and to a CORS preflight, and to no other method', async () => {
    const head = await send(path, { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('content-type')]).toEqual([200, '', 'application/json']);
    const preflight = await send(path, { method: 'OPTIONS', headers: { origin: 'https://app.example' } });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, '*']);
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, HEAD, OPTIONS');
    const other = await send(path, { method: 'POST', body: '{}' });
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  });

  it.each([
    '/.well-known/oauth-protected-resource',
    '/x/.well-known/oauth-protected-resource/tools/mcp',
    '/.well-known/oauth-protected-resource/tools/mcp/x',
    '/?/.well-known/oauth-protected-resource/tools/mcp',
  ])('is not served at %s', async (at) => {
    expect((await send(at)).status).toBe(401);
  });
});

describe('the arguments of mcpGate', () => {
  const own = { issuer: 'https://as.example', clientId: 'a', clientSecret: 's' };
  const withOptions = (options: object) => () => mcpGate(authorizerWith(), {}, options as never);
  const noAudience =
    'mcpGate: the authorizer has no "audience", but MCP requires that a token was issued for this server: set "audience" to what your authorization server puts into "aud". If the server itself reports tokens for other APIs as inactive, you can set "anyAudience" of mcpGate to true instead';
  const bytes = 'mcpGate: "maxBodyBytes" must be a whole number of bytes, at least 1';
  const scopes =
    'mcpGate: "scopeImplies" must have scopes of printable ASCII characters, without spaces, double quotes and backslashes';

  it.each<[string, () => unknown, string]>([
    ['no authorizer', () => mcpGate({} as never), 'mcpGate: pass an Authorizer'],
    [
      'an unknown option',
      withOptions({ scopesImplies: {} }),
      'mcpGate: unknown option "scopesImplies"; known options: scopeImplies, maxBodyBytes, anyAudience; did you mean "scopeImplies"?',
    ],
    [
      'no resource',
      () => mcpGate(new Authorizer(own)),
      'Authorizer: to serve the resource metadata, configure "resource"',
    ],
    ['no audience', () => mcpGate(new Authorizer({ ...own, resource })), noAudience],
    [
      'no audience of one issuer',
      () => mcpGate(issuers([authorizerWith(), new Authorizer({ ...own, resource })])),
      noAudience,
    ],
    ['a text as anyAudience', withOptions({ anyAudience: 'yes' }), 'mcpGate: "anyAudience" must be true or false'],
    [
      'undefined scopeImplies',
      withOptions({ scopeImplies: undefined }),
      'mcpGate: "scopeImplies" is undefined: leave it out, or give a value; is an environment variable unset?',
    ],
    [
      'a string as scopeImplies',
      withOptions({ scopeImplies: 'a' }),
      'mcpGate: "scopeImplies" must be an object with a list of scopes for each scope',
    ],
    ['a scope with a space', withOptions({ scopeImplies: { 'a b': ['c'] } }), scopes],
    ['a space before a scope', withOptions({ scopeImplies: { ' a': ['c'] } }), scopes],
    ['a space after an implied scope', withOptions({ scopeImplies: { a: ['b', 'c '] } }), scopes],
    ['a scope with a quote', withOptions({ scopeImplies: { a: ['"'] } }), scopes],
    ['a scope with a backslash', withOptions({ scopeImplies: { a: ['\\'] } }), scopes],
    [
      'an empty list of scopes',
      withOptions({ scopeImplies: { a: [] } }),
      'mcpGate: "scopeImplies.a" must not be empty: leave it out, or give a value; is an environment variable unset?',
    ],
    ['no bytes', withOptions({ maxBodyBytes: 0 }), bytes],
    ['half a byte', withOptions({ maxBodyBytes: 1.5 }), bytes],
    ['bytes as a string', withOptions({ maxBodyBytes: '1' }), bytes],
  ])('are rejected by name: %s', (_, construct, message) => {
    expect(construct).toThrow(new TypeError(message));
  });

  it('must not have an invalid policy', () => {
    expect(() => mcpGate(authorizerWith(), { scope: 'a' } as never)).toThrow(/unknown option "scope"/);
  });
});
