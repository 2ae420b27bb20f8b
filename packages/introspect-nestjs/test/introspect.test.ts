import 'reflect-metadata';
import { connect } from 'node:net';
import {
  type ContractResponse,
  hangBeforeHeaders,
  type ScriptedServer,
  sendRequest,
  startScriptedServer,
} from '@acme/introspect-testing';
import {
  type ArgumentsHost,
  type CanActivate,
  Catch,
  Controller,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpException,
  type INestApplication,
  Module,
  type Provider,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, ExternalContextCreator, NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type ActiveToken,
  Authorizer,
  type AuthorizerError,
  InsufficientScopeError,
  IntrospectGuard,
  Introspection,
  IntrospectModule,
  type IntrospectModuleOptions,
  introspectionOf,
  isAuthorizationError,
  MissingTokenError,
  type Policy,
  Public,
  RequireToken,
} from '../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey', scope: 'items:read' });
});
afterEach(() => server.close());

const options = () => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
});

const bearer = (token: string): [string, string] => ['Authorization', `Bearer ${token}`];
const challenges = {
  missing: 'Bearer realm="api"',
  lacksScope:
    'Bearer error="insufficient_scope", error_description="The access token lacks a scope that is needed here", scope="items:write"',
};

/** A controller of one path. Its handlers answer `{"sub": …}`, and call `handled` first. */
let handled = vi.fn();
beforeEach(() => {
  handled = vi.fn();
});
function routes(path: string, ...decorators: ClassDecorator[]): Type {
  class RoutesController {
    any(token: ActiveToken | null) {
      handled();
      return { sub: token?.sub ?? null };
    }
  }
  Reflect.decorate([Get()], RoutesController.prototype, 'any', descriptorOf(RoutesController, 'any'));
  Introspection()(RoutesController.prototype, 'any', 0);
  Reflect.decorate([...decorators, Controller(path)], RoutesController);
  return RoutesController;
}
const descriptorOf = (target: Type, name: string) => Object.getOwnPropertyDescriptor(target.prototype, name);

function moduleOf(metadata: Parameters<typeof Module>[0]): Type {
  class AnyModule {}
  Module(metadata)(AnyModule);
  return AnyModule;
}

const guarded = (path: string, ...decorators: ClassDecorator[]) =>
  routes(path, ...decorators, UseGuards(IntrospectGuard));

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter({ forceCloseConnections: true })],
])('on %s', (_, adapter) => {
  let app: INestApplication | undefined;
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  /** Makes an app; it is closed after the test. */
  async function create(imports: (Type | DynamicModule)[], controllers: Type[] = [], providers: Provider[] = []) {
    app = await NestFactory.create(moduleOf({ imports, controllers, providers }), adapter(), {
      logger: false,
      abortOnError: false,
      forceCloseConnections: true,
    });
    return app;
  }

  /** Starts it, too, and asks it. */
  async function start(...parts: Parameters<typeof create>) {
    return asking(await create(...parts));
  }

  async function asking(api: INestApplication) {
    await api.listen(0, '127.0.0.1');
    const origin = await api.getUrl();
    return async (path: string, ...fields: [string, string][]) => {
      const answer: ContractResponse = await sendRequest(origin, { path, fields });
      return {
        status: answer.status,
        challenge: answer['www-authenticate'],
        cache: answer['cache-control'],
        body: JSON.parse(answer.body),
      };
    };
  }

  const missing = { status: 401, challenge: challenges.missing, cache: 'no-store', body: {} };
  const passed = { status: 200, challenge: undefined, cache: undefined, body: { sub: 'mickey' } };

  describe('forRoot', () => {
    it.each<[string, () => Parameters<typeof IntrospectModule.forRoot>[0]]>([
      ['options', options],
      ['an Authorizer', () => new Authorizer(options())],
      ['a function', () => async () => new Authorizer(options())],
      ['{ authorizer }', () => ({ authorizer: new Authorizer(options()) })],
      ['{ authorizer: function }', () => ({ authorizer: () => new Authorizer(options()) })],
    ])('takes %s', async (_, input) => {
      const ask = await start([IntrospectModule.forRoot(input())], [guarded('/me')]);
      expect(await ask('/me', bearer('good'))).toEqual(passed);
      expect(await ask('/me')).toEqual(missing);
      expect(handled).toHaveBeenCalledOnce();
    });

    it('gives a function the request of the platform: one authorizer for each tenant', async () => {
      const other = await startScriptedServer();
      try {
        other.tokens.set('good', { sub: 'minnie' });
        const tenants = new Map([
          ['a', new Authorizer(options())],
          ['b', new Authorizer({ ...options(), introspectionEndpoint: other.introspectionEndpoint })],
        ]);
        const tenantOf = (request: unknown) => {
          const tenant = (request as { headers: Record<string, string> }).headers['x-tenant'];
          const authorizer = tenants.get(String(tenant));
          if (authorizer === undefined) throw new Error('no tenant');
          return authorizer;
        };
        const ask = await start([IntrospectModule.forRoot(tenantOf)], [guarded('/me')]);
        expect((await ask('/me', bearer('good'), ['X-Tenant', 'a'])).body).toEqual({ sub: 'mickey' });
        expect((await ask('/me', bearer('good'), ['X-Tenant', 'b'])).body).toEqual({ sub: 'minnie' });
        expect((await ask('/me', bearer('good'), ['X-Tenant', 'c'])).status).toBe(500);
        expect(handled).toHaveBeenCalledTimes(2);
      } finally {
        await other.close();
      }
    });

    it.each<[string, object, string]>([
      ['an unknown option', { url: 'https://a.example' }, '"url"'],
      ['an option of a wrong type', { clockSkewSeconds: 'x' }, '"clockSkewSeconds"'],
      ['an authorizer that is none', { authorizer: {} }, '"authorizer"'],
    ])('keeps the app from starting with %s', async (_, bad, message) => {
      const given = 'authorizer' in bad ? bad : { ...options(), ...bad };
      await expect(create([IntrospectModule.forRoot(given as IntrospectModuleOptions)])).rejects.toThrow(message);
      expect(server.requests).toHaveLength(0);
    });
  });

  describe('forRootAsync', () => {
    const settings = Symbol('settings');
    const settingsModule = () =>
      moduleOf({ providers: [{ provide: settings, useFactory: options }], exports: [settings] });

    it.each<[string, (given: ReturnType<typeof options>) => IntrospectModuleOptions]>([
      ['options', (given) => given],
      ['{ authorizer }', (given) => ({ authorizer: new Authorizer(given) })],
      ['an Authorizer, as forRoot', (given) => new Authorizer(given)],
    ])('takes a factory with what it injects, which gives %s', async (_, of) => {
      const module = IntrospectModule.forRootAsync({
        imports: [settingsModule()],
        inject: [settings],
        useFactory: async (given: ReturnType<typeof options>) => of(given),
      });
      const ask = await start([module], [guarded('/me')]);
      expect(await ask('/me', bearer('good'))).toEqual(passed);
      expect(await ask('/me')).toEqual(missing);
    });

    it('keeps the app from starting with bad options', async () => {
      const useFactory = () => ({ ...options(), realm: 7 as unknown as string });
      await expect(create([IntrospectModule.forRootAsync({ useFactory })])).rejects.toThrow('"realm"');
    });
  });

  describe('a guard in a feature module', () => {
    const feature = (imports: DynamicModule[] = []) => moduleOf({ imports, controllers: [guarded('/me')] });

    it('finds its authorizer without an import', async () => {
      const ask = await start([IntrospectModule.forRoot(options()), feature()]);
      expect(await ask('/me')).toEqual(missing);
      expect(await ask('/me', bearer('good'))).toEqual(passed);
    });

    it('does not find one that is not global', async () => {
      const module = IntrospectModule.forRoot({ ...options(), isGlobal: false });
      await expect(create([module, feature()])).rejects.toThrow("can't resolve dependencies of the IntrospectGuard");
    });

    it('finds one that is not global where it is imported', async () => {
      const module = IntrospectModule.forRoot({ ...options(), isGlobal: false });
      const ask = await start([feature([module])]);
      expect(await ask('/me')).toEqual(missing);
      expect(await ask('/me', bearer('good'))).toEqual(passed);
    });

    it('does not find an asynchronous one that is not global', async () => {
      const module = IntrospectModule.forRootAsync({ useFactory: options, isGlobal: false });
      await expect(create([module, feature()])).rejects.toThrow("can't resolve dependencies of the IntrospectGuard");
    });

    it('shares the one authorizer of the app with the other modules: discovery happens once', async () => {
      const others = ['/a', '/b'].map((path) => moduleOf({ controllers: [guarded(path)] }));
      const module = IntrospectModule.forRoot({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
      const ask = await start([module, ...others], [guarded('/c')]);
      for (const path of ['/a', '/b', '/c']) expect(await ask(path, bearer('good'))).toEqual(passed);
      expect(server.requests.filter(({ url }) => url === '/.well-known/openid-configuration')).toHaveLength(1);
    });
  });

  describe('as a global guard', () => {
    const byProvider = { provide: APP_GUARD, useExisting: IntrospectGuard };
    const startGlobal = async (by: string, controllers: Type[]) => {
      const module = IntrospectModule.forRoot({ ...options(), issuer: server.origin, ...withResource });
      if (by === 'APP_GUARD') return start([module], controllers, [byProvider]);
      const api = await create([module], controllers);
      api.useGlobalGuards(api.get(IntrospectGuard));
      return asking(api);
    };
    const withResource = { resource: 'https://api.example.com/v1', serveResourceMetadata: true };

    describe.each(['APP_GUARD', 'useGlobalGuards'])('by %s', (by) => {
      it('guards every route but the public ones', async () => {
        const ask = await startGlobal(by, [routes('/me'), publicRoutes('/public')]);
        expect((await ask('/me')).status).toBe(401);
        expect(handled).not.toHaveBeenCalled();
        expect(await ask('/me', bearer('good'))).toEqual(passed);
        expect((await ask('/public', ['Authorization', 'Bearer'])).status).toBe(200);
      });

      it('judges the policy of a route', async () => {
        const ask = await startGlobal(by, [routes('/items', RequireToken({ scopes: ['items:write'] }))]);
        expect((await ask('/items', bearer('good'))).status).toBe(403);
        expect(handled).not.toHaveBeenCalled();
      });

      it('leaves the resource metadata open', async () => {
        const ask = await startGlobal(by, []);
        expect(await ask('/.well-known/oauth-protected-resource/v1')).toMatchObject({
          status: 200,
          body: { resource: withResource.resource },
        });
      });
    });

    it('asks one question where a guard of the route stands beside it', async () => {
      const feature = moduleOf({ controllers: [guarded('/me')] });
      const ask = await start([IntrospectModule.forRoot(options()), feature], [], [byProvider]);
      expect(await ask('/me', bearer('good'))).toEqual(passed);
      expect(server.introspections).toHaveLength(1);
    });
  });

  function publicRoutes(path: string) {
    @Public()
    @Controller(path)
    class PublicController {
      @Get()
      read() {
        return {};
      }
    }
    return PublicController;
  }

  describe('@Public()', () => {
    it('opens a route of a guarded controller, and a controller except for its routes with @RequireToken()', async () => {
      @RequireToken({ scopes: ['items:write'] })
      @UseGuards(IntrospectGuard)
      @Controller('/strict')
      class StrictController {
        @Get('open')
        @Public()
        open() {
          return { open: true };
        }
        @Get()
        inherited() {
          return {};
        }
      }
      @Public()
      @UseGuards(IntrospectGuard)
      @Controller('/open')
      class OpenController {
        @Get('guarded')
        @RequireToken({ scopes: ['items:write'] })
        guarded() {
          return {};
        }
        @Get()
        inherited() {
          return { open: true };
        }
      }
      const ask = await start([IntrospectModule.forRoot(options())], [StrictController, OpenController]);
      expect((await ask('/strict', bearer('good'))).challenge).toBe(challenges.lacksScope);
      expect((await ask('/strict/open')).body).toEqual({ open: true });
      expect((await ask('/open')).body).toEqual({ open: true });
      expect((await ask('/open/guarded', bearer('good'))).challenge).toBe(challenges.lacksScope);
      expect((await ask('/open/guarded')).status).toBe(401);
    });

    it('lets the last decorator of one place win', async () => {
      @UseGuards(IntrospectGuard)
      @Controller('/me')
      class LastController {
        @Get()
        @RequireToken()
        @Public()
        read() {
          return {};
        }
      }
      const ask = await start([IntrospectModule.forRoot(options())], [LastController]);
      expect((await ask('/me')).status).toBe(401);
    });
  });

  describe('@Introspection()', () => {
    it('gives the token', async () => {
      @UseGuards(IntrospectGuard)
      @Controller('/me')
      class TokenController {
        @Get()
        read(@Introspection() token: ActiveToken) {
          return token;
        }
      }
      const ask = await start([IntrospectModule.forRoot(options())], [TokenController]);
      expect((await ask('/me', bearer('good'))).body).toEqual({ active: true, sub: 'mickey', scope: 'items:read' });
    });

    it('gives null where the policy is optional and nobody came', async () => {
      const optional = guarded('/optional', RequireToken({ optional: true }));
      const ask = await start([IntrospectModule.forRoot(options())], [optional]);
      expect(await ask('/optional')).toEqual({ ...passed, body: { sub: null } });
      expect(await ask('/optional', bearer('good'))).toEqual(passed);
      expect((await ask('/optional', bearer('bad'))).status).toBe(401);
    });

    it('answers 500 on a route without guard, and on a public one', async () => {
      const seen: unknown[] = [];
      @Catch()
      class SeeingFilter implements ExceptionFilter {
        catch(exception: Error, host: ArgumentsHost) {
          seen.push(exception.message);
          const status = exception instanceof HttpException ? exception.getStatus() : 500;
          app?.getHttpAdapter().reply(host.switchToHttp().getResponse(), {}, status);
        }
      }
      const controllers = [routes('/open'), guarded('/public', Public())];
      const api = await create([IntrospectModule.forRoot(options())], controllers);
      api.useGlobalFilters(new SeeingFilter());
      const ask = await asking(api);
      expect((await ask('/open', bearer('good'))).status).toBe(500);
      expect((await ask('/public', bearer('good'))).status).toBe(500);
      const sentence = 'No token was accepted for RoutesController.any: guard it with @RequireToken()';
      expect(seen).toEqual([sentence, sentence]);
      expect(handled).not.toHaveBeenCalled();
      expect(server.introspections).toHaveLength(0);
    });
  });

  describe('serveResourceMetadata', () => {
    const resource = 'https://api.example.com/v1';
    const path = '/.well-known/oauth-protected-resource/v1';
    const module = () =>
      IntrospectModule.forRoot({
        issuer: server.origin,
        clientId: 'api',
        clientSecret: 'secret',
        resource,
        serveResourceMetadata: true,
      });

    it('is not moved by a global prefix', async () => {
      const api = await create([module()], [guarded('/me')]);
      api.setGlobalPrefix('api');
      const ask = await asking(api);
      expect(await ask(path)).toMatchObject({
        status: 200,
        body: { resource, authorization_servers: [server.origin], bearer_methods_supported: ['header'] },
      });
      expect((await ask(`/api${path}`)).status).toBe(404);
      expect((await ask('/api/me')).status).toBe(401);
      expect(server.requests).toHaveLength(0);
    });

    it('serves nothing unless it is asked to', async () => {
      const ask = await start([IntrospectModule.forRoot({ ...options(), issuer: server.origin, resource })]);
      expect((await ask(path)).status).toBe(404);
    });

    it('keeps the app from starting without resource, or with several authorizers', async () => {
      const lacking = await create([IntrospectModule.forRoot({ ...options(), serveResourceMetadata: true })]);
      await expect(lacking.init()).rejects.toThrow('"resource"');
      await lacking.close().catch(() => {});
      const authorizer = () => new Authorizer(options());
      const several = await create([IntrospectModule.forRoot({ authorizer, serveResourceMetadata: true })]);
      await expect(several.init()).rejects.toThrow('"serveResourceMetadata"');
      app = undefined;
    });
  });

  describe('a policy', () => {
    it('that needs rolesOf keeps the app from starting without it', async () => {
      const admin = guarded('/admin', RequireToken({ anyRole: ['admin'] }));
      const api = await create([IntrospectModule.forRoot(options()), moduleOf({ controllers: [admin] })]);
      app = undefined;
      await expect(api.init()).rejects.toThrow('"rolesOf"');
    });

    it('of a single route that needs rolesOf keeps the app from starting, too', async () => {
      @UseGuards(IntrospectGuard)
      @Controller('/admin')
      class AdminController {
        @Get()
        @RequireToken({ anyRole: ['admin'] })
        read() {
          return {};
        }
      }
      const api = await create([IntrospectModule.forRoot(options())], [AdminController]);
      app = undefined;
      await expect(api.init()).rejects.toThrow('"rolesOf"');
    });

    it('gets its roles from rolesOf', async () => {
      const controllers = ['admin', 'owner'].map((role) => guarded(`/${role}`, RequireToken({ anyRole: [role] })));
      const ask = await start([IntrospectModule.forRoot({ ...options(), rolesOf: () => ['admin'] })], controllers);
      expect((await ask('/admin', bearer('good'))).status).toBe(200);
      expect(await ask('/owner', bearer('good'))).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    });

    it('whose check throws is answered by the app with 500', async () => {
      const policy: Policy = {
        check: () => {
          throw new Error('broken');
        },
      };
      const ask = await start([IntrospectModule.forRoot(options())], [guarded('/me', RequireToken(policy))]);
      expect(await ask('/me', bearer('good'))).toMatchObject({ status: 500, challenge: undefined });
      expect(handled).not.toHaveBeenCalled();
    });
  });

  describe('a refusal', () => {
    it("is an HttpException for the user's own filter: the typed error as cause, the fields set", async () => {
      const seen: HttpException[] = [];
      @Catch(HttpException)
      class SeeingFilter implements ExceptionFilter<HttpException> {
        catch(exception: HttpException, host: ArgumentsHost) {
          seen.push(exception);
          app?.getHttpAdapter().reply(host.switchToHttp().getResponse(), { mine: true }, exception.getStatus());
        }
      }
      const items = guarded('/items', RequireToken({ scopes: ['items:write'] }));
      const api = await create([IntrospectModule.forRoot(options())], [items]);
      api.useGlobalFilters(new SeeingFilter());
      const ask = await asking(api);
      expect(await ask('/items', bearer('good'))).toEqual({
        status: 403,
        challenge: challenges.lacksScope,
        cache: 'no-store',
        body: { mine: true },
      });
      expect(await ask('/items')).toEqual({ ...missing, body: { mine: true } });
      expect(seen.map(({ cause }) => cause)).toEqual([
        expect.any(InsufficientScopeError),
        expect.any(MissingTokenError),
      ]);
      expect(seen[0]?.getResponse()).toEqual({
        error: 'insufficient_scope',
        error_description: 'The access token lacks a scope that is needed here',
      });
      expect(handled).not.toHaveBeenCalled();
    });

    it('is what onError throws in its place', async () => {
      const seen: [AuthorizerError, ExecutionContext][] = [];
      const onError = async (error: AuthorizerError, context: ExecutionContext) => {
        seen.push([error, context]);
        throw new HttpException({ code: error.code, at: context.getHandler().name }, 418);
      };
      const ask = await start([IntrospectModule.forRoot({ ...options(), onError })], [guarded('/me')]);
      expect(await ask('/me')).toMatchObject({ status: 418, body: { code: 'missing_token', at: 'any' } });
      expect(isAuthorizationError(seen[0]?.[0])).toBe(true);
      expect(handled).not.toHaveBeenCalled();
    });

    it('stays what it is when onError does not throw', async () => {
      const onError = vi.fn(async () => 'ignored');
      const ask = await start([IntrospectModule.forRoot({ ...options(), onError })], [guarded('/me')]);
      expect(await ask('/me')).toEqual(missing);
      expect(onError).toHaveBeenCalledOnce();
      expect(handled).not.toHaveBeenCalled();
    });
  });

  it('refuses two Authorization lines', async () => {
    const ask = await start([IntrospectModule.forRoot(options())], [guarded('/me')]);
    expect(await ask('/me', bearer('good'), bearer('good'))).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
    expect(handled).not.toHaveBeenCalled();
    expect(server.introspections).toHaveLength(0);
  });

  it('ends the question at the server when the caller has gone', async () => {
    const api = await create([IntrospectModule.forRoot({ ...options(), timeoutMs: 60_000 })], [guarded('/me')]);
    await asking(api);
    server.next(hangBeforeHeaders());
    const socket = connect(Number(new URL(await api.getUrl()).port), '127.0.0.1');
    socket.write('GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n');
    const question = await server.introspection(1);
    socket.destroy();
    await question.over;
    expect(handled).not.toHaveBeenCalled();
  });
});

it.each<[string, unknown, string]>([
  ['an unknown member', { scope: 'items:read' }, '"scope"'],
  ['scopes in one string', { scopes: 'items:read' }, '"scopes"'],
  ['no roles', { anyRole: [] }, '"anyRole"'],
  ['a check that is no function', { check: true }, '"check"'],
])('a policy throws where it is declared with %s', (_, policy, message) => {
  expect(() => RequireToken(policy as Policy)).toThrow(message);
});

describe('a context that is not http', () => {
  /** What GraphQL calls a resolver with: parent, arguments, context, info. */
  type GraphqlArgs = [parent: unknown, args: object, context: object, info: object];
  const graphqlContext = (...args: GraphqlArgs) => {
    class Resolver {
      field() {}
    }
    const context = new ExecutionContextHost(args, Resolver, Resolver.prototype.field);
    context.setType('graphql');
    return context;
  };
  const requestWith = (...lines: string[]) => ({
    method: 'POST',
    url: '/graphql',
    rawHeaders: lines.flatMap((line) => ['Authorization', line]),
  });
  const requestOf = (context: ExecutionContext) => context.getArgByIndex(2).request;

  const apps: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });
  async function applicationOf(more: Partial<IntrospectModuleOptions>, providers: Provider[] = []) {
    const imports = [IntrospectModule.forRoot({ ...options(), ...more } as IntrospectModuleOptions)];
    const app = await NestFactory.createApplicationContext(moduleOf({ imports, providers }), {
      logger: false,
      abortOnError: false,
    });
    apps.push(app);
    return app;
  }
  const guardOf = async (more: Partial<IntrospectModuleOptions>) => (await applicationOf(more)).get(IntrospectGuard);

  it('is refused without requestOf, with an error that names it', async () => {
    const guard = await guardOf({});
    const context = graphqlContext(undefined, {}, { request: requestWith('Bearer good') }, {});
    await expect(guard.canActivate(context)).rejects.toThrow(
      'IntrospectGuard finds no HTTP request in a context of kind "graphql": give IntrospectModule the option "requestOf"',
    );
    expect(server.introspections).toHaveLength(0);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['an object without rawHeaders', { headers: { authorization: 'Bearer good' } }],
    ['one whose raw is none either', { raw: { headers: { authorization: 'Bearer good' } } }],
    ['rawHeaders that is no list', { rawHeaders: 'Authorization: Bearer good' }],
  ])('is refused where requestOf finds %s, also on an optional route', async (_, found) => {
    const guard = await guardOf({ requestOf: () => found as object });
    const context = graphqlContext(undefined, {}, {}, {});
    RequireToken({ optional: true })(context.getClass());
    await expect(guard.canActivate(context)).rejects.toThrow('IntrospectGuard finds no HTTP request');
    expect(server.introspections).toHaveLength(0);
  });

  it('is guarded by the request that requestOf finds: of Express, or of Fastify', async () => {
    const guard = await guardOf({ requestOf });
    for (const request of [requestWith('Bearer good'), { raw: requestWith('Bearer good') }]) {
      const context = graphqlContext(undefined, {}, { request }, {});
      await expect(guard.canActivate(context)).resolves.toBe(true);
      expect(introspectionOf(context)).toMatchObject({ sub: 'mickey' });
    }
    const context = graphqlContext(undefined, {}, { request: requestWith() }, {});
    await expect(guard.canActivate(context)).rejects.toMatchObject({ cause: expect.any(MissingTokenError) });
    expect(() => introspectionOf(context)).toThrow('No token was accepted for Resolver.field');
    const two = graphqlContext(undefined, {}, { request: requestWith('Bearer good', 'Bearer good') }, {});
    await expect(guard.canActivate(two)).rejects.toMatchObject({ status: 400 });
  });

  it('of kind http is refused as well where its request carries no lines', async () => {
    const guard = await guardOf({});
    const context = new ExecutionContextHost([{ headers: { authorization: 'Bearer good' } }, {}], class {}, () => {});
    await expect(guard.canActivate(context)).rejects.toThrow('IntrospectGuard finds no HTTP request');
  });

  describe('calls its handler', () => {
    /** A guard that may take its time, after ours. */
    class SlowGuard implements CanActivate {
      async canActivate(context: ExecutionContext) {
        await context.getArgByIndex(2).until;
        return true;
      }
    }
    class ItemResolver {
      owner(token: ActiveToken | null) {
        handled();
        return token?.sub;
      }
    }
    Reflect.decorate([UseGuards(IntrospectGuard, SlowGuard)], ItemResolver);
    Introspection()(ItemResolver.prototype, 'owner', 0);

    /** The resolver as @nestjs/graphql calls it. */
    async function resolver() {
      const app = await applicationOf({ requestOf }, [ItemResolver]);
      const instance = app.get(ItemResolver);
      const owner = instance.owner as (...args: unknown[]) => unknown;
      const noOther = { exchangeKeyForValue: () => undefined };
      const flags = { guards: true, interceptors: false, filters: false };
      return app
        .get(ExternalContextCreator, { strict: false })
        .create(instance, owner, 'owner', '__routeArguments__', noOther, undefined, undefined, flags, 'graphql') as (
        ...args: GraphqlArgs
      ) => Promise<unknown>;
    }
    const contextWith = (token: string, until?: Promise<void>) => ({ request: requestWith(`Bearer ${token}`), until });

    it('with the token of its request', async () => {
      const owner = await resolver();
      await expect(owner(undefined, {}, contextWith('good'), {})).resolves.toBe('mickey');
      await expect(owner(undefined, {}, contextWith('bad'), {})).rejects.toMatchObject({ status: 401 });
      expect(handled).toHaveBeenCalledOnce();
    });

    it('with the token of its own request, where another one has the same parent meanwhile', async () => {
      server.tokens.set('other', { sub: 'minnie' });
      const owner = await resolver();
      const cached = { id: 1 };
      const { promise, resolve } = Promise.withResolvers<void>();
      const first = owner(cached, {}, contextWith('good', promise), {});
      await server.introspection(1);
      await expect(owner(cached, {}, contextWith('other'), {})).resolves.toBe('minnie');
      resolve();
      await expect(first).resolves.toBe('mickey');
    });

    it('never with the token of a request before it that had the same parent', async () => {
      const guard = await guardOf({ requestOf });
      const cached = { id: 1 };
      await guard.canActivate(graphqlContext(cached, {}, contextWith('good'), {}));
      const unguarded = graphqlContext(cached, {}, { request: requestWith() }, {});
      expect(() => introspectionOf(unguarded)).toThrow('No token was accepted for Resolver.field');
    });
  });
});
