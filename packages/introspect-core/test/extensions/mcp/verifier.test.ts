import { respond, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mcpVerifier } from '../../../src/extensions/mcp/mcp.js';
import { Authorizer, type AuthorizerSettings, type Policy } from '../../../src/index.js';
import { rejectionOf } from '../../support/authorizer.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey', client_id: 'c', aud: '42', scope: 'read write', exp: 4_000_000_000 });
});
afterEach(() => server.close());

const authorizerWith = (settings: AuthorizerSettings = {}) =>
  new Authorizer({
    issuer: server.origin,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    log: false,
    ...settings,
  });

const shape = ({ name, message, code, cause }: Error & { code?: string }) => ({ name, message, code, cause });

describe('mcpVerifier', () => {
  it('resolves with the AuthInfo of an active token', async () => {
    const verifier = mcpVerifier(authorizerWith({ audience: '42', resource: 'https://mcp.example/mcp' }), {
      scopeImplies: { write: ['draft'] },
    });
    expect(await verifier.verifyAccessToken('good')).toEqual({
      token: 'good',
      clientId: 'c',
      scopes: ['read', 'write', 'draft'],
      expiresAt: 4_000_000_000,
      resource: new URL('https://mcp.example/mcp'),
      resourceMetadataUrl: 'https://mcp.example/.well-known/oauth-protected-resource/mcp',
      extra: expect.objectContaining({ sub: 'mickey' }),
    });
  });

  it('needs no resource', async () => {
    const info = await mcpVerifier(authorizerWith()).verifyAccessToken('good');
    expect(Object.keys(info).sort()).toEqual(['clientId', 'expiresAt', 'extra', 'scopes', 'token']);
  });

  it('says that a token without exp expires in a minute: the gate of the SDK would reject it', async () => {
    server.tokens.set('endless', { sub: 's' });
    const { expiresAt = 0 } = await mcpVerifier(authorizerWith()).verifyAccessToken('endless');
    expect(expiresAt - Date.now() / 1000).toBeGreaterThan(30);
    expect(expiresAt - Date.now() / 1000).toBeLessThanOrEqual(60);
  });

  it('verifies the request that mcp-handler passes on, and nothing without a bearer token', async () => {
    const verifier = mcpVerifier(authorizerWith(), {
      policy: { check: (_, { url, method }) => url === 'https://mcp.example/mcp' && method === 'POST' },
    });
    const requestWith = (authorization: string) =>
      new Request('https://mcp.example/mcp', { method: 'POST', headers: { authorization } });
    expect(await verifier.verifyToken(requestWith('bearer  good'), '')).toMatchObject({ token: 'good' });
    expect(await verifier.verifyToken(requestWith('Basic eA=='))).toBeUndefined();
    const two = await rejectionOf(verifier.verifyToken(requestWith('Bearer good, Bearer good'), 'good,'));
    expect(two).toMatchObject({ code: 'invalid_request' });
  });

  it.each<[string, Policy | undefined, string]>([
    ['unknown', undefined, 'invalid_token'],
    ['', undefined, 'invalid_request'],
    ['good', { scopes: ['delete'] }, 'insufficient_scope'],
    ['good', { maxAuthenticationAgeSeconds: 1 }, 'invalid_token'],
    ['good', { check: () => false }, 'access_denied'],
  ])('rejects the token "%s" under the policy %j with %s', async (token, policy, code) => {
    const error = await rejectionOf(mcpVerifier(authorizerWith(), policy && { policy }).verifyAccessToken(token));
    expect(error).toMatchObject({ name: 'OAuthError', code, cause: { status: expect.any(Number) } });
  });

  it('verifies the token of a CORS preflight too, even if passPreflight is true', async () => {
    const verifier = mcpVerifier(authorizerWith({ passPreflight: true }));
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
    const preflight = (token: string) =>
      new Request('https://mcp.example', {
        method: 'OPTIONS',
        headers: { ...headers, authorization: `Bearer ${token}` },
      });
    expect(await verifier.verifyToken(preflight('good'), 'good')).toMatchObject({ token: 'good' });
    expect(await rejectionOf(verifier.verifyToken(preflight('bad'), 'bad'))).toMatchObject({ code: 'invalid_token' });
  });

  it('rejects with an error that has the brand of the SDK and the body of its response', async () => {
    const error = (await rejectionOf(mcpVerifier(authorizerWith()).verifyAccessToken('unknown'))) as unknown as {
      toResponseObject(): object;
    };
    expect(Reflect.get(error, Symbol.for('mcp.sdk.errorBrands'))).toEqual(new Set(['mcp.OAuthError']));
    expect(error.toResponseObject()).toEqual({
      error: 'invalid_token',
      error_description: 'The access token is not active',
    });
  });

  it('rejects with the given classes of the SDK, version 1', async () => {
    class SdkError extends Error {}
    class Other extends Error {}
    const names = [
      'InvalidTokenError',
      'InsufficientScopeError',
      'InvalidRequestError',
      'AccessDeniedError',
      'ServerError',
    ];
    const errors = { ...Object.fromEntries(names.map((name) => [name, Other])), InvalidTokenError: SdkError };
    const verifier = mcpVerifier(authorizerWith(), { errors: errors as never });
    const error = await rejectionOf(verifier.verifyAccessToken('unknown'));
    expect(error).toBeInstanceOf(SdkError);
    expect(error).toMatchObject({ message: 'The access token is not active', cause: { code: 'invalid_token' } });
  });

  it('makes every failure a server_error, with a fixed text and the error itself as its cause', async () => {
    const cause = new RangeError('mine');
    const failing = mcpVerifier(authorizerWith(), { policy: { check: () => Promise.reject(cause) } });
    expect(shape((await rejectionOf(failing.verifyAccessToken('good'))) as Error)).toEqual({
      name: 'OAuthError',
      message: 'Internal Server Error',
      code: 'server_error',
      cause,
    });
    server.always(respond({ status: 503 }));
    const down = await rejectionOf(mcpVerifier(authorizerWith()).verifyAccessToken('good'));
    expect(shape(down as Error)).toEqual({
      name: 'OAuthError',
      message: 'The authorization server is temporarily unavailable',
      code: 'server_error',
      cause: expect.objectContaining({ code: 'unavailable' }),
    });
  });

  it.each<[string, () => unknown, string]>([
    ['no authorizer', () => mcpVerifier({} as never), 'pass an Authorizer'],
    [
      'an unknown option',
      () => mcpVerifier(authorizerWith(), { error: {} } as never),
      'unknown option "error"; known options: policy, scopeImplies, errors; did you mean "errors"?',
    ],
    [
      'an undefined policy',
      () => mcpVerifier(authorizerWith(), { policy: undefined } as never),
      '"policy" is undefined: leave it out, or give a value; is an environment variable unset?',
    ],
    ['a policy of null', () => mcpVerifier(authorizerWith(), { policy: null } as never), '"policy" must be a policy'],
    ['a policy of text', () => mcpVerifier(authorizerWith(), { policy: 'a' } as never), '"policy" must be a policy'],
    [
      'too few classes',
      () => mcpVerifier(authorizerWith(), { errors: { ServerError: Error } as never }),
      '"errors" must be the error classes of the SDK, version 1: InvalidTokenError, InsufficientScopeError, InvalidRequestError, AccessDeniedError, ServerError',
    ],
  ])('rejects its arguments by name: %s', (_, construct, message) => {
    expect(construct).toThrow(new TypeError(`mcpVerifier: ${message}`));
  });

  it('rejects an invalid policy by name', () => {
    expect(() => mcpVerifier(authorizerWith(), { policy: { scope: 'a' } as never })).toThrow(/"scope"/);
  });
});
