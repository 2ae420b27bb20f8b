import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { active, json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Authorizer,
  type AuthorizerOptions,
  type IntrospectEvent,
  IntrospectionClient,
  type IntrospectionClientOptions,
} from '../../src/index.js';
import { cachingAuthorizer, rejectionOf } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';

const unsupported = (body: unknown = { error: 'unsupported_token_type', error_description: 'canary' }, status = 400) =>
  json(body, { status });

let server: ScriptedServer;
const print = vi.spyOn(console, 'error').mockReturnValue();
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(unsupported());
  print.mockClear();
});
afterEach(() => server.close());

const optionsOf = () => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
});
const clientOf = (options: Partial<IntrospectionClientOptions> = {}) =>
  new IntrospectionClient({ ...optionsOf(), ...options });
const authorizerOf = (options: Partial<AuthorizerOptions> = {}) => new Authorizer({ ...optionsOf(), ...options });

describe('a server that responds with unsupported_token_type', () => {
  it('unsupported_token_type: the client rejects with InvalidTokenError after one request', async () => {
    expect(await rejectionOf(clientOf({ retry: { attempts: 3 } }).introspect('a.b.c'))).toMatchObject({
      name: 'InvalidTokenError',
      code: 'invalid_token',
      reason: 'unsupported_token_type',
      status: 401,
      message: 'The token is of a kind that the authorization server does not introspect',
    });
    expect(server.introspections).toHaveLength(1);
  });

  it("unsupported_token_type: a guard rejects with 401 and its own route's challenge", async () => {
    const authorizer = authorizerOf({ realm: 'items', resource: 'https://api.example' });
    const error = await rejectionOf(authorizer.guard({ scopes: ['items:read'] })('Bearer a.b.c'));
    expect(error).toMatchObject({
      reason: 'unsupported_token_type',
      status: 401,
      headers: [
        [
          'WWW-Authenticate',
          'Bearer realm="items", error="invalid_token", ' +
            'error_description="The token is of a kind that the authorization server does not introspect", ' +
            'resource_metadata="https://api.example/.well-known/oauth-protected-resource"',
        ],
        ['Cache-Control', 'no-store'],
      ],
      body: {
        error: 'invalid_token',
        error_description: 'The token is of a kind that the authorization server does not introspect',
      },
    });
  });

  it('unsupported_token_type does not open the circuit breaker, and the stats count it as a separate outcome', async () => {
    const client = clientOf({ circuitBreaker: { minimumRequests: 2 } });
    for (let i = 0; i < 12; i++) await rejectionOf(client.introspect('a.b.c'));
    expect(client.stats()).toMatchObject({ requests: { unsupported_token_type: 12 }, circuitBreaker: 'closed' });
    expect(server.introspections).toHaveLength(12);
  });

  it('unsupported_token_type is not cached: the next request introspects again', async () => {
    const set = vi.fn(async () => {});
    const store = { get: async () => undefined, set, delete: async () => {} };
    const { authorize, settle } = cachingAuthorizer(server, new Clocks(), {
      cache: { inactiveMaxAgeSeconds: 60, store },
    });
    expect([await authorize('a.b.c'), await authorize('a.b.c')]).toEqual([
      'unsupported_token_type',
      'unsupported_token_type',
    ]);
    expect(server.introspections).toHaveLength(2);
    await settle();
    expect(set).not.toHaveBeenCalled();
    server.always(active());
    expect(await authorize('a.b.c')).toBe('ok');
  });

  it('unsupported_token_type: no stale response is served, because the server can be reached', async () => {
    const clocks = new Clocks();
    const { authorize } = cachingAuthorizer(server, clocks, { cache: { maxAgeSeconds: 1, maxAgeIfErrorSeconds: 600 } });
    server.next(active());
    expect(await authorize('a.b.c')).toBe('ok');
    clocks.pass(2);
    expect(await authorize('a.b.c')).toBe('unsupported_token_type');
  });

  it('unsupported_token_type: each caller that shares one introspection request fails with its own error', async () => {
    const authorizer = authorizerOf();
    const errors = await Promise.all([1, 2, 3].map(() => rejectionOf(authorizer.authorize('Bearer a.b.c'))));
    expect(errors).toMatchObject(Array(3).fill({ reason: 'unsupported_token_type' }));
    expect(new Set(errors).size).toBe(3);
    expect(server.introspections).toHaveLength(1);
  });

  it('unsupported_token_type: ready() resolves, because the server accepted endpoint and credentials', async () => {
    await expect(authorizerOf().ready()).resolves.toBeUndefined();
  });
});

describe('unsupported_token_type is reported once by each client', () => {
  const reported = { type: 'unsupported_token_type' };
  const typed = (events: IntrospectEvent[]) => events.filter(({ type }) => type === reported.type);

  it('unsupported_token_type is reported as one event, after the event of the request', async () => {
    const events: IntrospectEvent[] = [];
    const client = clientOf({ onEvent: (event) => void events.push(event) });
    const authorizers = [new Authorizer({ client }), new Authorizer({ client })];
    for (const authorizer of authorizers) await rejectionOf(authorizer.authorize('Bearer a.b.c'));
    expect(events).toMatchObject([
      { type: 'introspected', outcome: 'unsupported_token_type' },
      { ...reported, origin: server.origin },
      { type: 'introspected', outcome: 'unsupported_token_type' },
    ]);
    await rejectionOf(clientOf({ onEvent: (event) => void events.push(event) }).introspect('a.b.c'));
    expect(typed(events)).toHaveLength(2);
  });

  it('unsupported_token_type is reported on the diagnostics channel if it has a subscriber', async () => {
    const events: IntrospectEvent[] = [];
    const listener = (event: unknown) => void events.push(event as IntrospectEvent);
    subscribe('@acme/introspect-core', listener);
    await rejectionOf(clientOf().introspect('a.b.c'));
    unsubscribe('@acme/introspect-core', listener);
    expect(typed(events)).toHaveLength(1);
    expect(print).not.toHaveBeenCalled();
  });

  it('unsupported_token_type is logged once by the authorizer, without token, secret or server text', async () => {
    const authorizer = authorizerOf();
    for (let i = 0; i < 3; i++) await rejectionOf(authorizer.authorize('Bearer a.b.c'));
    expect(print.mock.calls).toEqual([
      [
        'Token introspection failed (unsupported_token_type), so a request was denied with 401. ' +
          `${server.origin} does not introspect the kind of token that this API receives, such as a JWT: configure the ` +
          'server to issue opaque access tokens for this API, or verify JWTs locally. ' +
          'To find the cause, run "npx @acme/introspect-cli doctor"',
      ],
    ]);
  });

  it('unsupported_token_type is not logged by a client without an authorizer, whose caller gets the error', async () => {
    await rejectionOf(clientOf().introspect('a.b.c'));
    expect(print).not.toHaveBeenCalled();
  });
});

describe('a response that only resembles unsupported_token_type', () => {
  it.each<[string, Parameters<typeof unsupported>]>([
    ['another status', [undefined, 403]],
    ['another 4xx', [undefined, 422]],
    ['a 200', [undefined, 200]],
    ['another code', [{ error: 'unsupported_token_types' }]],
    ['the code in another case', [{ error: 'Unsupported_Token_Type' }]],
    ['the code in a list', [{ error: ['unsupported_token_type'] }]],
    ['the code elsewhere', [{ error: 'invalid_request', error_description: 'unsupported_token_type' }]],
    ['a list', [['unsupported_token_type']]],
    ['a text', ['unsupported_token_type']],
  ])('a response that only resembles unsupported_token_type is an invalid_response: %s', async (_, response) => {
    server.always(unsupported(...response));
    expect(await rejectionOf(clientOf().introspect('a.b.c'))).toMatchObject({ code: 'invalid_response', status: 503 });
    expect(print).not.toHaveBeenCalled();
  });
});
