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
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpException,
  type INestApplication,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  type Provider,
  Scope,
  type Type,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD, BaseExceptionFilter, ExternalContextCreator, NestFactory } from '@nestjs/core';
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
  MissingTokenError,
  type PlatformRequest,
  type Policy,
  Public,
  RequireToken,
  type SharedAuthorizer,
  type TokenOf,
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

/** A controller of one path. Its handler calls `handled`, and responds with `{"sub": …}`. */
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

  /** Makes and starts an app, and returns a function that sends it a request. */
  async function start(...parts: Parameters<typeof create>) {
    return calling(await create(...parts));
  }

  async function calling(api: INestApplication) {
    await api.listen(0, '127.0.0.1');
    const origin = await api.getUrl();
    return async (path: string, ...fields: [string, string][]) => {
      const response: ContractResponse = await sendRequest(origin, { path, fields });
      return {
        status: response.status,
        challenge: response['www-authenticate'],
        cache: response['cache-control'],
        body: JSON.parse(response.body),
      };
    };
  }

  const missing = { status: 401, challenge: challenges.missing, cache: 'no-store', body: {} };
  const passed = { status: 200, challenge: undefined, cache: undefined, body: { sub: 'mickey' } };

  describe('forRoot', () => {
    it.each<
      [string, () => IntrospectModuleOptions | SharedAuthorizer<Authorizer> | Authorizer | (() => Promise<Authorizer>)]
    >([
      ['options', options],
      ['an Authorizer', () => new Authorizer(options())],
      ['a function', () => async () => new Authorizer(options())],
      ['{ authorizer }', () => ({ authorizer: new Authorizer(options()) })],
      ['{ authorizer: function }', () => ({ authorizer: () => new Authorizer(options()) }) as never],
    ])('takes %s', async (_, input) => {
      const call = await start([IntrospectModule.forRoot(input() as IntrospectModuleOptions)], [guarded('/me')]);
      expect(await call('/me', bearer('good'))).toEqual(passed);
      expect(await call('/me')).toEqual(missing);
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
        const call = await start([IntrospectModule.forRoot(tenantOf)], [guarded('/me')]);
        expect((await call('/me', bearer('good'), ['X-Tenant', 'a'])).body).toEqual({ sub: 'mickey' });
        expect((await call('/me', bearer('good'), ['X-Tenant', 'b'])).body).toEqual({ sub: 'minnie' });
        expect((await call('/me', bearer('good'), ['X-Tenant', 'c'])).status).toBe(500);
        expect(handled).toHaveBeenCalledTimes(2);
      } finally {
        await other.close();
      }
    });

    it.each<[string, object, string]>([
      ['an unknown option', { url: 'https://a.example' }, 'IntrospectModule.forRoot: unknown option "url"'],
      ['a mistyped option', { isGlobl: false }, 'IntrospectModule.forRoot: unknown option "isGlobl"'],
      ['an option of a wrong type', { clockSkewSeconds: 'x' }, '"clockSkewSeconds"'],
      ['an invalid authorizer', { authorizer: {} }, '"authorizer"'],
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

    it.each<
      [
        string,
        (given: ReturnType<typeof options>) => IntrospectModuleOptions | SharedAuthorizer<Authorizer> | Authorizer,
      ]
    >([
      ['options', (given) => given],
      ['{ authorizer }', (given) => ({ authorizer: new Authorizer(given) })],
      ['an Authorizer, as forRoot', (given) => new Authorizer(given)],
    ])('takes a factory with what it injects, which gives %s', async (_, of) => {
      const module = IntrospectModule.forRootAsync({
        imports: [settingsModule()],
        inject: [settings],
        useFactory: async (given: ReturnType<typeof options>) => of(given),
      });
      const call = await start([module], [guarded('/me')]);
      expect(await call('/me', bearer('good'))).toEqual(passed);
      expect(await call('/me')).toEqual(missing);
    });

    it('keeps the app from starting with bad options', async () => {
      const useFactory = () => ({ ...options(), realm: 7 as unknown as string });
      await expect(create([IntrospectModule.forRootAsync({ useFactory })])).rejects.toThrow('"realm"');
    });
  });

  describe('a guard in a feature module', () => {
    const feature = (imports: DynamicModule[] = []) => moduleOf({ imports, controllers: [guarded('/me')] });

    it('finds its authorizer without an import', async () => {
      const call = await start([IntrospectModule.forRoot(options()), feature()]);
      expect(await call('/me')).toEqual(missing);
      expect(await call('/me', bearer('good'))).toEqual(passed);
    });

    it('does not find one that is not global', async () => {
      const module = IntrospectModule.forRoot({ ...options(), isGlobal: false });
      await expect(create([module, feature()])).rejects.toThrow("can't resolve dependencies of the IntrospectGuard");
    });

    it('finds one that is not global where it is imported', async () => {
      const module = IntrospectModule.forRoot({ ...options(), isGlobal: false });
      const call = await start([feature([module])]);
      expect(await call('/me')).toEqual(missing);
      expect(await call('/me', bearer('good'))).toEqual(passed);
    });

    it('does not find an asynchronous one that is not global', async () => {
      const module = IntrospectModule.forRootAsync({ useFactory: options, isGlobal: false });
      await expect(create([module, feature()])).rejects.toThrow("can't resolve dependencies of the IntrospectGuard");
    });

    it('shares the one authorizer of the app with the other modules: discovery happens once', async () => {
      const others = ['/a', '/b'].map((path) => moduleOf({ controllers: [guarded(path)] }));
      const module = IntrospectModule.forRoot({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
      const call = await start([module, ...others], [guarded('/c')]);
      for (const path of ['/a', '/b', '/c']) expect(await call(path, bearer('good'))).toEqual(passed);
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
      return calling(api);
    };
    const withResource = { resource: 'https://api.example.com/v1', serveResourceMetadata: true };

    describe.each(['APP_GUARD', 'useGlobalGuards'])('by %s', (by) => {
      it('guards every route except the public ones', async () => {
        const call = await startGlobal(by, [routes('/me'), publicRoutes('/public')]);
        expect((await call('/me')).status).toBe(401);
        expect(handled).not.toHaveBeenCalled();
        expect(await call('/me', bearer('good'))).toEqual(passed);
        expect((await call('/public', ['Authorization', 'Bearer'])).status).toBe(200);
      });

      it('applies the policy of a route', async () => {
        const call = await startGlobal(by, [routes('/items', RequireToken({ scopes: ['items:write'] }))]);
        expect((await call('/items', bearer('good'))).status).toBe(403);
        expect(handled).not.toHaveBeenCalled();
      });

      it('does not guard the resource metadata', async () => {
        const call = await startGlobal(by, []);
        expect(await call('/.well-known/oauth-protected-resource/v1')).toMatchObject({
          status: 200,
          body: { resource: withResource.resource },
        });
      });
    });

    it('introspects once if the route has the guard too', async () => {
      const feature = moduleOf({ controllers: [guarded('/me')] });
      const call = await start([IntrospectModule.forRoot(options()), feature], [], [byProvider]);
      expect(await call('/me', bearer('good'))).toEqual(passed);
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
      const call = await start([IntrospectModule.forRoot(options())], [StrictController, OpenController]);
      expect((await call('/strict', bearer('good'))).challenge).toBe(challenges.lacksScope);
      expect((await call('/strict/open')).body).toEqual({ open: true });
      expect((await call('/open')).body).toEqual({ open: true });
      expect((await call('/open/guarded', bearer('good'))).challenge).toBe(challenges.lacksScope);
      expect((await call('/open/guarded')).status).toBe(401);
    });

    it('has no effect if @RequireToken() stands above it', async () => {
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
      const call = await start([IntrospectModule.forRoot(options())], [LastController]);
      expect((await call('/me')).status).toBe(401);
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
      const call = await start([IntrospectModule.forRoot(options())], [TokenController]);
      expect((await call('/me', bearer('good'))).body).toEqual({ active: true, sub: 'mickey', scope: 'items:read' });
    });

    it('gives null if the policy is optional and the request has no credentials', async () => {
      const optional = guarded('/optional', RequireToken({ optional: true }));
      const call = await start([IntrospectModule.forRoot(options())], [optional]);
      expect(await call('/optional')).toEqual({ ...passed, body: { sub: null } });
      expect(await call('/optional', bearer('good'))).toEqual(passed);
      expect((await call('/optional', bearer('bad'))).status).toBe(401);
    });

    it('gives the named member of the token, and undefined if the token has none or an optional route has no token', async () => {
      @Controller('/me')
      @RequireToken({ optional: true })
      class MemberController {
        @Get()
        read(@Introspection('sub') sub: string | undefined, @Introspection('urn:plan') plan: unknown) {
          return { sub: sub ?? typeof sub, plan: plan ?? typeof plan };
        }
      }
      server.tokens.set('paid', { sub: 'mickey', 'urn:plan': 'paid' });
      const call = await start([IntrospectModule.forRoot(options())], [MemberController]);
      expect((await call('/me', bearer('paid'))).body).toEqual({ sub: 'mickey', plan: 'paid' });
      expect((await call('/me', bearer('good'))).body).toEqual({ sub: 'mickey', plan: 'undefined' });
      expect((await call('/me')).body).toEqual({ sub: 'undefined', plan: 'undefined' });
    });

    it('responds with 500 on a route without a guard, and on a public one', async () => {
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
      const call = await calling(api);
      expect((await call('/open', bearer('good'))).status).toBe(500);
      expect((await call('/public', bearer('good'))).status).toBe(500);
      const sentence = 'No guard accepted a token for RoutesController.any: guard it with @RequireToken()';
      expect(seen).toEqual([sentence, sentence]);
      expect(handled).not.toHaveBeenCalled();
      expect(server.introspections).toHaveLength(0);
    });
  });

  describe('introspectionOf()', () => {
    /** What introspectionOf() returned or threw in an interceptor. */
    let outcome: unknown;
    class TellingInterceptor implements NestInterceptor {
      intercept(context: ExecutionContext, next: CallHandler) {
        try {
          outcome = introspectionOf(context);
        } catch (error) {
          outcome = (error as Error).message;
        }
        return next.handle();
      }
    }
    @Controller()
    @UseInterceptors(TellingInterceptor)
    class ItemsController {
      @Get('open')
      open() {
        return {};
      }
      @Get('optional')
      @RequireToken({ optional: true })
      optional() {
        return {};
      }
      @Get('guarded')
      @RequireToken()
      guarded() {
        return {};
      }
    }

    it('returns the token, and throws one error without a guard and another one without a token', async () => {
      const call = await start([IntrospectModule.forRoot(options())], [ItemsController]);
      for (const path of ['/guarded', '/optional']) {
        expect((await call(path, bearer('good'))).status).toBe(200);
        expect(outcome).toMatchObject({ sub: 'mickey' });
      }
      expect((await call('/optional')).status).toBe(200);
      expect(outcome).toBe(
        'The request to ItemsController.optional has no token, and its guard is optional: use @Introspection(), which gives null then',
      );
      expect((await call('/open', bearer('good'))).status).toBe(200);
      expect(outcome).toBe('No guard accepted a token for ItemsController.open: guard it with @RequireToken()');
    });
  });

  describe('the Authorizer', () => {
    /** What `constructor(authorizer: Authorizer) {}` compiles to. */
    function injecting<Class extends Type>(target: Class): Class {
      Reflect.decorate([Injectable()], target);
      Reflect.defineMetadata('design:paramtypes', [Authorizer], target);
      return target;
    }
    class ItemsService {
      readonly authorizer: Authorizer;
      constructor(authorizer: Authorizer) {
        this.authorizer = authorizer;
      }
    }
    injecting(ItemsService);
    const feature = (imports: DynamicModule[] = []) =>
      moduleOf({ imports, providers: [ItemsService], exports: [ItemsService] });

    it.each<[string, () => DynamicModule]>([
      ['forRoot', () => IntrospectModule.forRoot({ ...options(), cache: { maxAgeSeconds: 60 } })],
      [
        'forRootAsync',
        () => IntrospectModule.forRootAsync({ useFactory: () => ({ ...options(), cache: { maxAgeSeconds: 60 } }) }),
      ],
    ])('can be injected by its class, and is the one of the guard: %s', async (_, module) => {
      const api = await create([module(), feature()], [guarded('/me')]);
      const call = await calling(api);
      const { authorizer } = api.get(ItemsService);
      expect(authorizer).toBeInstanceOf(Authorizer);
      expect(api.get(Authorizer)).toBe(authorizer);
      expect(await call('/me', bearer('good'))).toEqual(passed);
      expect(await authorizer.authorize('Bearer good')).toMatchObject({ sub: 'mickey' });
      expect(server.introspections).toHaveLength(1);
    });

    it('is that of the imported module if modules are not global', async () => {
      const authorizers = [new Authorizer(options()), new Authorizer(options())] as const;
      const features = authorizers.map((authorizer) =>
        feature([IntrospectModule.forRoot({ authorizer, isGlobal: false })]),
      );
      const api = await create(features);
      const injected = features.map((each) => api.select(each).get(ItemsService, { strict: true }).authorizer);
      expect(injected[0]).toBe(authorizers[0]);
      expect(injected[1]).toBe(authorizers[1]);
    });

    it('is closed by app.close() if the module made it', async () => {
      const api = await create([IntrospectModule.forRoot(options())]);
      await api.init();
      const close = vi.spyOn(api.get(Authorizer), 'close');
      expect(close).not.toHaveBeenCalled();
      await api.close();
      expect(close).toHaveBeenCalledOnce();
    });

    it.each<[string, (authorizer: Authorizer) => DynamicModule]>([
      ['as such', (authorizer) => IntrospectModule.forRoot(authorizer)],
      ['as { authorizer }', (authorizer) => IntrospectModule.forRoot({ authorizer })],
      ['by a factory', (authorizer) => IntrospectModule.forRootAsync({ useFactory: () => authorizer })],
    ])('is not closed by app.close() if it was given: %s', async (_, module) => {
      const authorizer = new Authorizer(options());
      const close = vi.spyOn(authorizer, 'close');
      const api = await create([module(authorizer)]);
      await api.init();
      expect(api.get(Authorizer)).toBe(authorizer);
      await api.close();
      expect(close).not.toHaveBeenCalled();
    });

    describe('that a function chooses', () => {
      const choose = () => new Authorizer(options());
      const modules: [string, () => DynamicModule][] = [
        ['forRoot', () => IntrospectModule.forRoot(choose)],
        ['forRoot with { authorizer }', () => IntrospectModule.forRoot({ authorizer: choose })],
        ['forRootAsync', () => IntrospectModule.forRootAsync({ useFactory: () => ({ authorizer: choose }) })],
      ];
      class PropertyService {
        authorizer?: Authorizer;
      }
      Inject(Authorizer)(PropertyService.prototype, 'authorizer');
      @Injectable({ scope: Scope.REQUEST })
      class RequestService extends ItemsService {}
      injecting(RequestService);
      class OwnGuard extends ItemsService implements CanActivate {
        canActivate() {
          return true;
        }
      }
      injecting(OwnGuard);
      const factory = { provide: 'factory', inject: [Authorizer], useFactory: () => 1 };
      const users: [string, Type[], Provider[]][] = [
        ['ItemsService', [], [ItemsService]],
        ['PropertyService', [], [PropertyService]],
        ['RequestService', [], [RequestService]],
        ['factory', [], [factory]],
        ['OwnGuard', [routes('/own', UseGuards(OwnGuard))], []],
      ];

      it.each(modules.flatMap((module) => users.map((user) => [...module, ...user] as const)))(
        'cannot be injected, and the error says what to do: %s, into %s',
        async (_, module, name, controllers, providers) => {
          const api = await create([module()], [...controllers], [...providers]);
          app = undefined;
          await expect(api.init()).rejects.toThrow(
            `${name} injects Authorizer, but a function chooses the authorizer of IntrospectModule for each request`,
          );
        },
      );
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
      const call = await calling(api);
      expect(await call(path)).toMatchObject({
        status: 200,
        body: { resource, authorization_servers: [server.origin], bearer_methods_supported: ['header'] },
      });
      expect((await call(`/api${path}`)).status).toBe(404);
      expect((await call('/api/me')).status).toBe(401);
      expect(server.requests).toHaveLength(0);
    });

    it('serves nothing by default', async () => {
      const call = await start([IntrospectModule.forRoot({ ...options(), issuer: server.origin, resource })]);
      expect((await call(path)).status).toBe(404);
    });

    it('keeps the app from starting without resource, or with several authorizers', async () => {
      const lacking = create([IntrospectModule.forRoot({ ...options(), serveResourceMetadata: true })]);
      await expect(lacking).rejects.toThrow('"resource"');
      const authorizer = () => new Authorizer(options());
      const several = create([IntrospectModule.forRoot({ authorizer, serveResourceMetadata: true })]);
      await expect(several).rejects.toThrow('"serveResourceMetadata"');
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
      const call = await start([IntrospectModule.forRoot({ ...options(), rolesOf: () => ['admin'] })], controllers);
      expect((await call('/admin', bearer('good'))).status).toBe(200);
      expect(await call('/owner', bearer('good'))).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    });

    it('can compare the token with a parameter of the route', async () => {
      @Controller('users')
      class UsersController {
        @Get(':id')
        @RequireToken({ check: ({ sub }, { native }) => native?.params.id === sub })
        read() {
          return {};
        }
      }
      const call = await start([IntrospectModule.forRoot(options())], [UsersController]);
      expect((await call('/users/mickey', bearer('good'))).status).toBe(200);
      expect((await call('/users/minnie', bearer('good'))).status).toBe(403);
    });

    it('with a scope outside the vocabulary keeps the app from starting, and the error names route and scope', async () => {
      class ItemsController {
        read() {}
      }
      const decorators = [Get(), RequireToken({ scopes: ['items:raed'] })];
      Reflect.decorate(decorators, ItemsController.prototype, 'read', descriptorOf(ItemsController, 'read'));
      Controller()(ItemsController);
      const module = IntrospectModule.forRoot({ ...options(), scopes: ['items:read', 'items:write'] });
      const api = await create([module], [ItemsController]);
      app = undefined;
      await expect(api.init()).rejects.toThrow(/^ItemsController\.read: .*"items:raed".*did you mean "items:read"/);
    });

    it('reads the claims that the authorizer checked', async () => {
      const claims = ({ sub }: ActiveToken) => ({ isMouse: sub === 'mickey' });
      const authorizer = new Authorizer({ ...options(), claims });
      @Controller('/me')
      class ClaimsController {
        @Get()
        @RequireToken<typeof authorizer>({ check: ({ claims }) => claims.isMouse })
        read(@Introspection('claims') claims: TokenOf<typeof authorizer>['claims']) {
          return claims;
        }
      }
      server.tokens.set('other', { sub: 'donald' });
      const call = await start([IntrospectModule.forRoot(authorizer)], [ClaimsController]);
      expect(await call('/me', bearer('good'))).toMatchObject({ status: 200, body: { isMouse: true } });
      expect(await call('/me', bearer('other'))).toMatchObject({ status: 403 });
    });

    it('whose check throws is an error of the app, with status 500', async () => {
      const policy: Policy = {
        check: () => {
          throw new Error('broken');
        },
      };
      const call = await start([IntrospectModule.forRoot(options())], [guarded('/me', RequireToken(policy))]);
      expect(await call('/me', bearer('good'))).toMatchObject({ status: 500, challenge: undefined });
      expect(handled).not.toHaveBeenCalled();
    });
  });

  describe('a denial', () => {
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
      const call = await calling(api);
      expect(await call('/items', bearer('good'))).toEqual({
        status: 403,
        challenge: challenges.lacksScope,
        cache: 'no-store',
        body: { mine: true },
      });
      expect(await call('/items')).toEqual({ ...missing, body: { mine: true } });
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

    it('has the body that errorBody returns; a filter of the app sees body, status and cause', async () => {
      const seen: HttpException[] = [];
      @Catch(HttpException)
      class SeeingFilter extends BaseExceptionFilter {
        override catch(exception: HttpException, host: ArgumentsHost) {
          seen.push(exception);
          super.catch(exception, host);
        }
      }
      const errorBody = (error: AuthorizerError, native: PlatformRequest) => ({ title: error.code, at: native.url });
      const api = await create([IntrospectModule.forRoot({ ...options(), errorBody })], [guarded('/me')]);
      api.useGlobalFilters(new SeeingFilter(api.getHttpAdapter()));
      const call = await calling(api);
      expect(await call('/me?a=b')).toEqual({ ...missing, body: { title: 'missing_token', at: '/me?a=b' } });
      expect(seen).toHaveLength(1);
      expect(seen[0]?.cause).toBeInstanceOf(MissingTokenError);
      expect(seen[0]?.getResponse()).toEqual({ title: 'missing_token', at: '/me?a=b' });
      expect(handled).not.toHaveBeenCalled();
    });

    it.each<[string, () => object]>([
      [
        'throws',
        () => {
          throw new Error('broken');
        },
      ],
      ['returns no object', () => 'text' as unknown as object],
    ])('is a failure of the app if errorBody %s, and the handler does not run', async (_, errorBody) => {
      const call = await start([IntrospectModule.forRoot({ ...options(), errorBody })], [guarded('/me')]);
      expect(await call('/me')).toMatchObject({ status: 500 });
      expect(handled).not.toHaveBeenCalled();
    });
  });

  it('rejects two Authorization lines with 400', async () => {
    const call = await start([IntrospectModule.forRoot(options())], [guarded('/me')]);
    expect(await call('/me', bearer('good'), bearer('good'))).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
    expect(handled).not.toHaveBeenCalled();
    expect(server.introspections).toHaveLength(0);
  });

  it('cancels the introspection request when the caller hangs up', async () => {
    const api = await create([IntrospectModule.forRoot({ ...options(), timeoutMs: 60_000 })], [guarded('/me')]);
    await calling(api);
    server.next(hangBeforeHeaders());
    const socket = connect(Number(new URL(await api.getUrl()).port), '127.0.0.1');
    socket.write('GET /me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n');
    const introspection = await server.introspection(1);
    socket.destroy();
    await introspection.over;
    expect(handled).not.toHaveBeenCalled();
  });
});

it.each<[string, unknown, string]>([
  ['an unknown member', { scope: 'items:read' }, '"scope"'],
  ['scopes in one string', { scopes: 'items:read' }, '"scopes"'],
  ['no roles', { anyRole: [] }, '"anyRole"'],
  ['a check that is not a function', { check: true }, '"check"'],
  ['null in its place', null, 'Policy: the options must be an object'],
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

  it('is rejected without requestOf, with an error that names it', async () => {
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
    ['one whose raw has none either', { raw: { headers: { authorization: 'Bearer good' } } }],
    ['rawHeaders that is not a list', { rawHeaders: 'Authorization: Bearer good' }],
  ])('is rejected if requestOf finds %s, also on an optional route', async (_, found) => {
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
    expect(() => introspectionOf(context)).toThrow('No guard accepted a token for Resolver.field');
    const two = graphqlContext(undefined, {}, { request: requestWith('Bearer good', 'Bearer good') }, {});
    await expect(guard.canActivate(two)).rejects.toMatchObject({ status: 400 });
  });

  it('is guarded on its own if its request is an object that inherits from the one that opened a connection', async () => {
    const guard = await guardOf({ requestOf });
    const opening = requestWith('Bearer good');
    const operation = (request: object) => graphqlContext(undefined, {}, { request }, {});
    const first = operation(Object.create(opening));
    await expect(guard.canActivate(first)).resolves.toBe(true);
    expect(introspectionOf(first)).toMatchObject({ sub: 'mickey' });
    const second = operation(Object.create(opening));
    expect(() => introspectionOf(second)).toThrow('No guard accepted a token for Resolver.field');
    server.tokens.delete('good');
    await expect(guard.canActivate(second)).rejects.toMatchObject({ status: 401 });
  });

  it('of kind http is rejected too if its request has no field lines', async () => {
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

    it('with the token of its own request, when another one has the same parent meanwhile', async () => {
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
      expect(() => introspectionOf(unguarded)).toThrow('No guard accepted a token for Resolver.field');
    });
  });
});
