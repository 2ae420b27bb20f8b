import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { type Introspect, introspect } from '../../src/extensions/web/web.js';
import { type ActiveToken, Authorizer } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey', scope: 'items:read' });
});
afterEach(() => server.close());

const optionsOf = () => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });

/** Returns a request to an API. */
function requestOf(token?: string, init: RequestInit = {}, path = '/me'): Request {
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
  return new Request(`https://api.example${path}`, { ...init, headers });
}

describe('requireToken', () => {
  it('gives the token of an accepted request', async () => {
    const { requireToken } = introspect(optionsOf());
    expect(await requireToken({ scopes: ['items:read'] })(requestOf('good'))).toMatchObject({ sub: 'mickey' });
  });

  it('gives the response for a denied request', async () => {
    const { requireToken } = introspect(optionsOf());
    const response = await requireToken({ scopes: ['items:write'] })(requestOf('good'));
    if (!(response instanceof Response)) expect.fail('the request was accepted');
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", scope="items:write"',
    ]);
    expect(await response.json()).toMatchObject({ error: 'insufficient_scope' });
  });

  it('gives null without credentials if the policy is optional, and rejects a bad token', async () => {
    const guard = introspect(optionsOf()).requireToken({ optional: true });
    expect(await guard(requestOf())).toBeNull();
    expect(await guard(requestOf('bad'))).toMatchObject({ status: 401 });
  });

  it('gives 204 for a CORS preflight that passPreflight lets pass, since it has no token', async () => {
    const headers = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'GET' };
    const preflight = requestOf(undefined, { method: 'OPTIONS', headers });
    const { requireToken } = introspect({ ...optionsOf(), passPreflight: true });
    expect(await requireToken()(preflight)).toMatchObject({ status: 204, body: null });
  });

  it('gives the document of serveResourceMetadata at its path', async () => {
    const { requireToken } = introspect({
      ...optionsOf(),
      resource: 'https://api.example',
      serveResourceMetadata: true,
    });
    const response = await requireToken()(requestOf(undefined, {}, '/.well-known/oauth-protected-resource'));
    expect(await (response as Response).json()).toMatchObject({ resource: 'https://api.example' });
  });

  it('rejects with an error of the app, and with the reason of a hang-up', async () => {
    const problem = new Error('the app is broken');
    const { requireToken } = introspect(optionsOf());
    const broken = requireToken({
      check: () => {
        throw problem;
      },
    });
    await expect(broken(requestOf('good'))).rejects.toBe(problem);
    const reason = new Error('gone');
    await expect(requireToken()(requestOf('new', { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
  });

  it('rejects an invalid policy at once, and names the member', () => {
    expect(() => introspect(optionsOf()).requireToken({ scopes: [] })).toThrow(/"scopes"/);
  });

  it('refreshes in the background through the waitUntil that it gets', async () => {
    const cache = { maxAgeSeconds: 60, refreshAfterSeconds: 0 };
    const guard = introspect({ ...optionsOf(), cache }).requireToken();
    const waitUntil = vi.fn();
    await guard(requestOf('good'), { waitUntil });
    await guard(requestOf('good'), { waitUntil });
    expect(waitUntil).toHaveBeenCalledOnce();
    await waitUntil.mock.calls[0]?.[0];
    expect(server.introspections).toHaveLength(2);
  });
});

describe('withToken', () => {
  it('calls the handler with the request, the token and the other arguments', async () => {
    const { withToken } = introspect(optionsOf());
    const handler = withToken({}, (request, token, env: { name: string }) =>
      Response.json([new URL(request.url).pathname, token.sub, env.name]),
    );
    expect(await (await handler(requestOf('good'), { name: 'test' })).json()).toEqual(['/me', 'mickey', 'test']);
  });

  it('does not call the handler for a denied request', async () => {
    const handler = vi.fn(() => new Response());
    expect(await introspect(optionsOf()).withToken({}, handler)(requestOf('bad'))).toMatchObject({ status: 401 });
    expect(handler).not.toHaveBeenCalled();
  });

  it('finds waitUntil among the arguments of the runtime, and keeps its object', async () => {
    const cache = { maxAgeSeconds: 60, refreshAfterSeconds: 0 };
    class Context {
      readonly works: Promise<unknown>[] = [];
      waitUntil(work: Promise<unknown>) {
        this.works.push(work);
      }
    }
    const context = new Context();
    const handler = introspect({ ...optionsOf(), cache }).withToken(
      {},
      (_, __, _env: object, _context: Context) => new Response(),
    );
    await handler(requestOf('good'), {}, context);
    await handler(requestOf('good'), {}, context);
    expect(context.works).toHaveLength(1);
    await context.works[0];
  });
});

describe('introspectionOf', () => {
  it('returns the token of a guarded request, and throws for another one', async () => {
    const { requireToken, introspectionOf } = introspect(optionsOf());
    const request = requestOf('good');
    await requireToken()(request);
    expect(introspectionOf(request)).toMatchObject({ sub: 'mickey' });
    expect(() => introspectionOf(requestOf('good'))).toThrow('No guard accepted the request to /me');
    const anonymous = requestOf();
    await requireToken({ optional: true })(anonymous);
    expect(() => introspectionOf(anonymous)).toThrow(
      'its guard is optional: use the token of the guard, which is null then',
    );
  });
});

describe('introspect', () => {
  it('binds the guards to an authorizer, or to a function that chooses one', async () => {
    const authorizer = new Authorizer(optionsOf());
    expect(introspect(authorizer).authorizer).toBe(authorizer);
    expect(introspect({ authorizer }).authorizer).toBe(authorizer);
    const { requireToken, ...others } = introspect(async (request) => {
      expectTypeOf(request).toEqualTypeOf<Request>();
      return authorizer;
    });
    expectTypeOf(others).not.toHaveProperty('authorizer');
    expect(await requireToken()(requestOf('good'))).toMatchObject({ sub: 'mickey' });
  });

  it('types the token by claims and by an optional policy', () => {
    const { requireToken, withToken, introspectionOf } = introspect({
      ...optionsOf(),
      claims: v.object({ email: v.string() }),
      scopes: ['read'],
    });
    expectTypeOf(requireToken()).returns.resolves.toExtend<(ActiveToken & { claims: { email: string } }) | Response>();
    expectTypeOf(requireToken({ optional: true })).returns.resolves.toExtend<ActiveToken | Response | null>();
    expectTypeOf(introspectionOf).returns.toHaveProperty('claims').toEqualTypeOf<{ email: string }>();
    withToken({ optional: true, scopes: ['read'] }, (_, token) => {
      expectTypeOf(token).toExtend<{ claims: { email: string } } | null>();
      return new Response();
    });
    // @ts-expect-error the vocabulary has no such scope
    expect(() => requireToken({ scopes: ['write'] })).toThrow(/write/);
  });

  it('names an unknown option', () => {
    const misspelled = { ...optionsOf(), serveResourceMetdata: true };
    expect(() => introspect(misspelled as never)).toThrow(/did you mean "serveResourceMetadata"/);
  });

  it('gives a policy the request as native', async () => {
    const natives: unknown[] = [];
    const { requireToken }: Introspect = introspect(optionsOf());
    const guard = requireToken({
      check: (_, { native }) => {
        expectTypeOf(native).toEqualTypeOf<Request | undefined>();
        return natives.push(native) > 0;
      },
    });
    const request = requestOf('good');
    await guard(request);
    expect(natives).toEqual([request]);
  });
});
