import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import {
  applyDecorators,
  type CanActivate,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  Get,
  type INestApplication,
  Inject,
  Injectable,
  type Provider,
  Scope,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { RouterExecutionContext } from '@nestjs/core/router/router-execution-context.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type ActiveToken,
  type CacheOptions,
  IntrospectGuard,
  Introspection,
  IntrospectModule,
  type IntrospectModuleOptions,
  introspectionOf,
  type Policy,
  Public,
  RequireToken,
} from '../src/index.js';
import { bearer, createApp, listen, moduleOf, optionsOf, platforms } from './nest-app.js';

let server: ScriptedServer;
let app: INestApplication | undefined;
const handled = vi.fn();

beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('none', { sub: 'none' });
  for (const scope of ['a', 'b', 'c', 'a b', 'b c', 'a b c']) server.tokens.set(scope.replaceAll(' ', ''), { scope });
  handled.mockReset();
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await server.close();
});

/** A controller whose handler records that it ran. */
class Responding {
  respond() {
    handled();
    return {};
  }
}

describe.each(platforms)('on %s', (_, adapter) => {
  async function start(
    controllers: Type[],
    more: Partial<IntrospectModuleOptions> = {},
    { imports = [], providers = [] }: { imports?: (Type | DynamicModule)[]; providers?: Provider[] } = {},
  ) {
    const module = IntrospectModule.forRoot({ ...optionsOf(server), ...more } as IntrospectModuleOptions);
    app = await createApp(adapter, { imports: [module, ...imports], controllers, providers });
    return listen(app);
  }

  /** Returns the statuses of requests with tokens of these names. */
  const statuses = (call: Awaited<ReturnType<typeof start>>, path: string, tokens: string[]) =>
    Promise.all(tokens.map(async (token) => (await call(path, bearer(token))).status));

  describe('@RequireToken() alone', () => {
    it('protects each route of a controller', async () => {
      @Controller('me')
      @RequireToken()
      class MeController extends Responding {
        @Get()
        me(@Introspection() token: ActiveToken) {
          this.respond();
          return { sub: token.sub };
        }
      }
      const call = await start([MeController]);
      expect(await call('/me')).toMatchObject({ status: 401, challenge: 'Bearer realm="api"' });
      expect(await call('/me', bearer('unknown'))).toMatchObject({ status: 401 });
      expect(handled).not.toHaveBeenCalled();
      expect(await call('/me', bearer('none'))).toMatchObject({ status: 200, body: { sub: 'none' } });
    });

    it('protects a single route by its policy, and no other route', async () => {
      @Controller('items')
      class ItemsController extends Responding {
        @Get('guarded')
        @RequireToken({ scopes: ['a'] })
        guarded() {
          return this.respond();
        }
        @Get('open')
        open() {
          return {};
        }
      }
      const call = await start([ItemsController]);
      expect(await call('/items/guarded')).toMatchObject({ status: 401 });
      expect(await call('/items/guarded', bearer('b'))).toMatchObject({ status: 403 });
      expect(handled).not.toHaveBeenCalled();
      expect(await call('/items/guarded', bearer('a'))).toMatchObject({ status: 200 });
      expect(await call('/items/open')).toMatchObject({ status: 200 });
    });

    it('protects a controller in a feature module that imports nothing', async () => {
      @Controller('feature')
      @RequireToken()
      class FeatureController extends Responding {
        @Get()
        override respond() {
          return super.respond();
        }
      }
      const call = await start([], {}, { imports: [moduleOf({ controllers: [FeatureController] })] });
      expect(await call('/feature')).toMatchObject({ status: 401 });
      expect(handled).not.toHaveBeenCalled();
      expect(await call('/feature', bearer('none'))).toMatchObject({ status: 200 });
    });

    it('prevents the app from starting if no IntrospectModule is imported, and the error says what to import', async () => {
      @Controller('feature')
      @RequireToken()
      class FeatureController {}
      const feature = moduleOf({ controllers: [FeatureController] });
      const message = /IntrospectGuard .*IntrospectModule\.forRoot\(…\): import it here, or anywhere if it is global/;
      await expect(start([], { isGlobal: false } as object, { imports: [feature] })).rejects.toThrow(message);
      await expect(createApp(adapter, { imports: [feature] })).rejects.toThrow(message);
    });
  });

  describe('@RequireToken() beside other uses of the guard', () => {
    const check = vi.fn(() => true);
    beforeEach(() => check.mockClear());

    /** A guard of the app that passes its argument to our guard. */
    @Injectable()
    class OwnGuard implements CanActivate {
      constructor(@Inject(IntrospectGuard) private readonly guard: IntrospectGuard) {}
      canActivate(context: ExecutionContext) {
        return this.guard.canActivate(context);
      }
    }
    const policy = { scopes: ['a'], check };

    @Controller('twice')
    @UseGuards(IntrospectGuard, IntrospectGuard, OwnGuard)
    @RequireToken(policy)
    class TwiceController extends Responding {
      @Get('class')
      ofClass() {
        return this.respond();
      }
      @Get('route')
      @UseGuards(IntrospectGuard)
      @RequireToken()
      ofRoute() {
        return this.respond();
      }
    }
    const feature = moduleOf({ controllers: [TwiceController] });

    it.each<[what: string, more: { cache?: CacheOptions }, ofRoute: Policy, introspections: number]>([
      ['without a cache', {}, {}, 2],
      ['with a cache', { cache: { maxAgeSeconds: 60 } }, {}, 1],
      ['with maxResponseAgeSeconds: 0', {}, { maxResponseAgeSeconds: 0 }, 2],
    ])(
      'introspects at most once per request, and runs the check once per request: %s',
      async (_, more, ofRoute, introspections) => {
        @Controller('also')
        @UseGuards(IntrospectGuard)
        @RequireToken(policy)
        class AlsoController extends Responding {
          @Get()
          @UseGuards(IntrospectGuard)
          @RequireToken(ofRoute)
          override respond() {
            return super.respond();
          }
        }
        const providers = [{ provide: APP_GUARD, useExisting: IntrospectGuard }];
        const call = await start([AlsoController], more, { providers });
        expect(await statuses(call, '/also', ['a'])).toEqual([200]);
        expect(await statuses(call, '/also', ['a'])).toEqual([200]);
        expect(server.introspections).toHaveLength(introspections);
        expect(check).toHaveBeenCalledTimes(2);
      },
    );

    it.each(['APP_GUARD', 'useGlobalGuards'])('introspects once beside a global guard by %s', async (by) => {
      const providers = by === 'APP_GUARD' ? [{ provide: APP_GUARD, useExisting: IntrospectGuard }] : [];
      const module = IntrospectModule.forRoot(optionsOf(server));
      app = await createApp(adapter, { imports: [module, feature], providers });
      if (by === 'useGlobalGuards') app.useGlobalGuards(app.get(IntrospectGuard));
      const call = await listen(app);
      let requests = 0;
      for (const path of ['/twice/class', '/twice/route']) {
        expect(await call(path, bearer('a'))).toMatchObject({ status: 200 });
        expect(server.introspections).toHaveLength(++requests);
        expect(check).toHaveBeenCalledTimes(requests);
      }
      expect(await call('/twice/route', bearer('b'))).toMatchObject({ status: 403 });
      expect(handled).toHaveBeenCalledTimes(2);
    });
  });

  describe('the policies of a route', () => {
    it('must all be satisfied: that of the controller and that of the route', async () => {
      @Controller('both')
      @RequireToken({ scopes: ['a'] })
      class BothController extends Responding {
        @Get('fresh')
        @RequireToken({ maxResponseAgeSeconds: 0 })
        fresh() {
          return this.respond();
        }
        @Get('scoped')
        @RequireToken({ scopes: ['b'] })
        scoped() {
          return this.respond();
        }
      }
      const call = await start([BothController]);
      expect(await statuses(call, '/both/fresh', ['b', 'a'])).toEqual([403, 200]);
      expect(await statuses(call, '/both/scoped', ['a', 'b', 'ab'])).toEqual([403, 403, 200]);
      expect((await call('/both/scoped', bearer('c'))).challenge).toContain('error="insufficient_scope"');
      expect((await call('/both/scoped', bearer('c'))).challenge).toContain('scope="a b"');
      expect(handled).toHaveBeenCalledTimes(2);
    });

    it('apply each list of roles and each check, those of the controller first', async () => {
      const order: string[] = [];
      const checkNamed = (name: string, allows: boolean) => () => {
        order.push(name);
        return allows;
      };
      @Controller('roles')
      @RequireToken({ anyRole: ['a', 'b'], check: checkNamed('controller', true) })
      class RolesController extends Responding {
        @Get('denied')
        @RequireToken({ check: checkNamed('route', false) })
        denied() {
          return this.respond();
        }
        @Get('listed')
        @RequireToken({ anyRole: ['c'] })
        listed() {
          return this.respond();
        }
      }
      const call = await start([RolesController], { rolesOf: ({ scope = '' }) => scope.split(' ') });
      expect(await statuses(call, '/roles/listed', ['a', 'c', 'bc'])).toEqual([403, 403, 200]);
      order.length = 0;
      expect(await statuses(call, '/roles/denied', ['a'])).toEqual([403]);
      expect(order).toEqual(['controller', 'route']);
      expect(handled).toHaveBeenCalledOnce();
    });

    it('are optional only if each policy is', async () => {
      @Controller('optional')
      @RequireToken({ optional: true })
      class OptionalController extends Responding {
        @Get('yes')
        @RequireToken({ optional: true })
        yes() {
          return this.respond();
        }
        @Get('no')
        @RequireToken({ scopes: ['a'] })
        no() {
          return this.respond();
        }
      }
      const call = await start([OptionalController]);
      expect(await call('/optional/yes')).toMatchObject({ status: 200 });
      expect(await call('/optional/no')).toMatchObject({ status: 401 });
      expect(handled).toHaveBeenCalledOnce();
    });

    it('include those of the base classes of the controller, each counted once', async () => {
      const check = vi.fn(() => true);
      @RequireToken({ scopes: ['a'], check })
      class Base extends Responding {
        @Get('inherited')
        @RequireToken({ scopes: ['c'] })
        inherited() {
          return this.respond();
        }
        @Get('overridden')
        @RequireToken({ scopes: ['c'] })
        overridden() {
          return this.respond();
        }
      }
      class Middle extends Base {}
      @Controller('derived')
      @RequireToken({ scopes: ['b'] })
      class DerivedController extends Middle {
        @Get('own')
        own() {
          return this.respond();
        }
        @Get('overridden')
        override overridden() {
          return super.overridden();
        }
      }
      @Controller('plain')
      class PlainController extends Base {}
      const call = await start([DerivedController, PlainController]);
      expect(await statuses(call, '/derived/inherited', ['ab', 'bc', 'abc'])).toEqual([403, 403, 200]);
      expect(check).toHaveBeenCalledOnce();
      expect(await statuses(call, '/derived/own', ['a', 'b', 'ab'])).toEqual([403, 403, 200]);
      expect(await statuses(call, '/derived/overridden', ['a', 'bc', 'ab'])).toEqual([403, 403, 200]);
      expect(await statuses(call, '/plain/inherited', ['a', 'c', 'abc'])).toEqual([403, 403, 200]);
      expect(await call('/plain/inherited')).toMatchObject({ status: 401 });
      expect(handled).toHaveBeenCalledTimes(4);
    });

    it.each([
      ['the stricter controller first', ['strict', 'mild']],
      ['the milder controller first', ['mild', 'strict']],
    ])('are those of its own controller when two controllers inherit one handler: %s', async (_, order) => {
      class Shared extends Responding {
        @Get()
        shared() {
          return this.respond();
        }
      }
      @Controller('strict')
      @RequireToken({ scopes: ['a'] })
      class StrictController extends Shared {}
      @Controller('mild')
      @RequireToken()
      class MildController extends Shared {}
      const call = await start([StrictController, MildController]);
      expect(StrictController.prototype.shared).toBe(MildController.prototype.shared);
      const status: Record<string, number> = {};
      for (const path of order) status[path] = (await call(`/${path}`, bearer('b'))).status;
      expect(status).toEqual({ strict: 403, mild: 200 });
    });

    it('all apply when one place has several decorators, some within a decorator of the app', async () => {
      const Admin = () => applyDecorators(RequireToken({ scopes: ['a'] }), RequireToken({ scopes: ['b'] }));
      @Controller('several')
      @RequireToken({ scopes: ['c'] })
      @RequireToken()
      class SeveralController extends Responding {
        @Get('composed')
        @Admin()
        composed() {
          return this.respond();
        }
        @Get('plain')
        plain() {
          return this.respond();
        }
      }
      @Controller('class')
      @Admin()
      class AdminController extends Responding {
        @Get()
        override respond() {
          return super.respond();
        }
      }
      const call = await start([SeveralController, AdminController]);
      expect(await statuses(call, '/several/composed', ['ab', 'bc', 'c', 'abc'])).toEqual([403, 403, 403, 200]);
      expect(await statuses(call, '/several/plain', ['ab', 'c'])).toEqual([403, 200]);
      expect(await statuses(call, '/class', ['a', 'b', 'ab'])).toEqual([403, 403, 200]);
    });

    it('prevent the app from starting if no acr satisfies all of them, and the error names the route', async () => {
      @Controller('acr')
      @RequireToken({ acrValues: ['gold', 'silver'] })
      class AcrController {
        @Get('good')
        @RequireToken({ acrValues: ['silver'] })
        good() {}
        @Get('bad')
        @RequireToken({ acrValues: ['bronze'] })
        bad() {}
      }
      await expect(start([AcrController])).rejects.toThrow(
        /^AcrController\.bad: Policy: the "acrValues" .* have no value in common/,
      );
    });

    it('of a provider, such as a resolver, are checked at start-up too', async () => {
      @RequireToken({ acrValues: ['gold'] })
      class ItemResolver {
        @RequireToken({ acrValues: ['silver'] })
        item() {}
      }
      await expect(start([], {}, { providers: [ItemResolver] })).rejects.toThrow(/^ItemResolver\.item: .*"acrValues"/);
    });
  });

  describe('@Public()', () => {
    it('opens a route that its controller and the base class of the controller protect', async () => {
      @RequireToken()
      class Base extends Responding {}
      @Controller('public')
      @RequireToken({ scopes: ['a'] })
      class PublicController extends Base {
        @Get('open')
        @Public()
        open() {
          return this.respond();
        }
        @Get('closed')
        closed() {
          return this.respond();
        }
      }
      const call = await start([PublicController]);
      expect(await call('/public/open')).toMatchObject({ status: 200 });
      expect(await call('/public/open', ['Authorization', 'Bearer'])).toMatchObject({ status: 200 });
      expect(await call('/public/closed')).toMatchObject({ status: 401 });
      expect(handled).toHaveBeenCalledTimes(2);
    });

    it('on a controller opens all routes without @RequireToken(), and the others need only their own policy', async () => {
      @RequireToken({ scopes: ['a'] })
      class Base extends Responding {}
      @Controller('mixed')
      @Public()
      class MixedController extends Base {
        @Get('open')
        open() {
          return this.respond();
        }
        @Get('any')
        @RequireToken()
        any() {
          return this.respond();
        }
        @Get('closed')
        @RequireToken({ scopes: ['b'] })
        closed() {
          return this.respond();
        }
      }
      const call = await start([MixedController]);
      expect(await call('/mixed/open')).toMatchObject({ status: 200 });
      expect(await call('/mixed/any')).toMatchObject({ status: 401 });
      expect(await call('/mixed/any', bearer('none'))).toMatchObject({ status: 200 });
      expect(await call('/mixed/closed')).toMatchObject({ status: 401 });
      expect(await statuses(call, '/mixed/closed', ['a', 'b'])).toEqual([403, 200]);
    });
  });

  it('a method that another decorator replaced above @RequireToken() prevents the app from starting', async () => {
    const Replaced: MethodDecorator = (_, __, descriptor) => {
      const { value } = descriptor as PropertyDescriptor;
      descriptor.value = ((...args: unknown[]) => value(...args)) as never;
    };
    @Controller('below')
    class BelowController {
      @Get()
      @Replaced
      @RequireToken()
      read() {}
    }
    await expect(start([BelowController])).rejects.toThrow(
      'BelowController.read: a decorator above @RequireToken() replaced the method',
    );
    @Controller('above')
    class AboveController extends Responding {
      @Get()
      @RequireToken()
      @Replaced
      read() {}
    }
    @Controller('between')
    class BetweenController extends Responding {
      @Get()
      @RequireToken({ scopes: ['a'] })
      @Replaced
      @RequireToken({ scopes: ['b'] })
      read() {}
    }
    const call = await start([AboveController, BetweenController]);
    expect(await call('/above')).toMatchObject({ status: 401 });
    expect(await call('/between')).toMatchObject({ status: 401 });
    expect(await statuses(call, '/between', ['a', 'b', 'ab'])).toEqual([403, 403, 200]);
  });

  it('a method that another decorator replaced, with all metadata but the guards, keeps the app from starting', async () => {
    const copiesTo = (target: object, source: object, isCopied: (key: string) => boolean) => {
      for (const key of Reflect.getOwnMetadataKeys(source).filter(isCopied)) {
        Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, source), target);
      }
    };
    const Replaced =
      (isCopied: (key: string) => boolean): MethodDecorator =>
      (_, __, descriptor) => {
        const { value } = descriptor as PropertyDescriptor;
        const replacement = (...args: unknown[]) => value(...args);
        copiesTo(replacement, value, isCopied);
        descriptor.value = replacement as never;
      };
    @Controller('lost')
    class LostController {
      @Get()
      @Replaced((key) => key !== '__guards__')
      @RequireToken()
      read() {}
    }
    await expect(start([LostController])).rejects.toThrow(
      'LostController.read: a decorator above @RequireToken() replaced the method',
    );
    @Controller('copied')
    class CopiedController extends Responding {
      @Get()
      @Replaced(() => true)
      @RequireToken({ scopes: ['a'] })
      read() {
        return {};
      }
    }
    const call = await start([CopiedController]);
    expect(await call('/copied')).toMatchObject({ status: 401 });
    expect(await statuses(call, '/copied', ['b', 'a'])).toEqual([403, 200]);
  });

  describe('a method that an instance replaced', () => {
    class Base extends Responding {
      @Get('inherited')
      @RequireToken()
      inherited() {
        return this.respond();
      }
    }
    const controllers: Record<string, () => Type> = {
      'read: bound in the constructor': () => {
        @Controller('c')
        class C extends Responding {
          constructor() {
            super();
            this.read = this.read.bind(this);
          }
          @Get()
          @RequireToken()
          read() {
            return this.respond();
          }
        }
        return C;
      },
      'read: bound, with a policy of the controller': () => {
        @Controller('c')
        @RequireToken()
        class C extends Responding {
          constructor() {
            super();
            this.read = this.read.bind(this);
          }
          @Get()
          @RequireToken({ scopes: ['a'] })
          read() {
            return this.respond();
          }
        }
        return C;
      },
      'inherited: copied from a class that it does not extend, and bound': () => {
        class C extends Responding {
          declare inherited: () => unknown;
          constructor() {
            super();
            this.inherited = this.inherited.bind(this);
          }
        }
        Object.defineProperty(C.prototype, 'inherited', {
          value: Base.prototype.inherited,
          writable: true,
        });
        Controller('c')(C);
        return C;
      },
      'inherited: of a base class, as a property': () => {
        @Controller('c')
        class C extends Base {
          constructor() {
            super();
            Object.defineProperty(this, 'inherited', { value: () => this.respond() });
          }
        }
        return C;
      },
    };
    it.each(Object.keys(controllers))('keeps the app from starting: %s', async (name) => {
      const [method] = name.split(':');
      const started = start(
        [controllers[name]?.() as Type],
        {},
        {
          providers: [{ provide: APP_GUARD, useExisting: IntrospectGuard }],
        },
      );
      await expect(started).rejects.toThrow(
        `C.${method}: each instance has a function of its own in place of the method`,
      );
      await expect(start([controllers[name]?.() as Type])).rejects.toThrow(/^C\..* bind/);
    });

    it('does no harm if it needs no token, or if the function has all metadata of the method', async () => {
      @Controller('harmless')
      class HarmlessController extends Responding {
        constructor() {
          super();
          this.open = this.open.bind(this);
          const { guarded } = this;
          this.guarded = guarded.bind(this);
          for (const key of Reflect.getOwnMetadataKeys(guarded)) {
            Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, guarded), this.guarded);
          }
        }
        @Get('open')
        open() {
          return {};
        }
        @Get('guarded')
        @RequireToken({ scopes: ['a'] })
        guarded() {
          return this.respond();
        }
      }
      const call = await start([HarmlessController]);
      expect(await call('/harmless/open')).toMatchObject({ status: 200 });
      expect(await call('/harmless/guarded')).toMatchObject({ status: 401 });
      expect(await statuses(call, '/harmless/guarded', ['b', 'a'])).toEqual([403, 200]);
      expect(handled).toHaveBeenCalledOnce();
    });

    it.each(['no further guard', 'a policy of the controller', 'a global guard'])(
      'never runs where each request has an instance: %s',
      async (guard) => {
        @Controller({ path: 'c', scope: Scope.REQUEST })
        class C extends Responding {
          constructor() {
            super();
            this.read = this.read.bind(this);
          }
          @Get()
          @RequireToken({ scopes: ['a'] })
          read() {
            return this.respond();
          }
          @Get('method')
          @RequireToken({ scopes: ['a'] })
          method() {
            return {};
          }
        }
        if (guard === 'a policy of the controller') RequireToken()(C);
        const providers = [{ provide: APP_GUARD, useExisting: IntrospectGuard }];
        const call = await start([C], {}, guard === 'a global guard' ? { providers } : {});
        expect([401, 500]).toContain((await call('/c')).status);
        expect(await statuses(call, '/c', ['a', 'b'])).toEqual([500, 500]);
        expect(handled).not.toHaveBeenCalled();
        expect(await statuses(call, '/c/method', ['a', 'b'])).toEqual([200, 403]);
      },
    );

    it.each([
      ['one instance', Scope.DEFAULT],
      ['an instance for each request', Scope.REQUEST],
    ])('is distinguished from a handler that a tracing library wrapped: %s', async (_, scope) => {
      @Controller({ path: 'wrapped', scope })
      class WrappedController extends Responding {
        @Get('open')
        open() {
          return {};
        }
        @Get('guarded')
        @RequireToken({ scopes: ['a'] })
        guarded() {
          return this.respond();
        }
      }
      const { create } = RouterExecutionContext.prototype;
      // As @opentelemetry/instrumentation-nestjs-core does it.
      const spy = vi.spyOn(RouterExecutionContext.prototype, 'create').mockImplementation(function (
        this: RouterExecutionContext,
        ...[instance, callback, ...rest]: Parameters<typeof create>
      ) {
        const wrapper = function (this: unknown, ...args: unknown[]) {
          return callback.apply(this, args);
        };
        for (const key of Reflect.getMetadataKeys(callback)) {
          Reflect.defineMetadata(key, Reflect.getMetadata(key, callback), wrapper);
        }
        return create.call(this, instance, wrapper, ...rest);
      });
      try {
        const call = await start([WrappedController]);
        expect(await call('/wrapped/open')).toMatchObject({ status: 200 });
        expect(await call('/wrapped/guarded')).toMatchObject({ status: 401 });
        expect(await statuses(call, '/wrapped/guarded', ['b', 'a'])).toEqual([403, 200]);
      } finally {
        spy.mockRestore();
      }
    });
  });

  describe('a method that overrides one with @RequireToken()', () => {
    class Base extends Responding {
      @Get()
      @RequireToken({ scopes: ['a'] })
      read() {
        return this.respond();
      }
    }

    it('keeps the app from starting if it is a route and nothing says who may call it', async () => {
      class Middle extends Base {}
      @Controller('c')
      class DerivedController extends Middle {
        @Get()
        override read() {
          return super.read();
        }
      }
      const message =
        'DerivedController.read: the method overrides one that @RequireToken() protects, and has no policy itself; ' +
        'add @RequireToken() or @Public() to it';
      await expect(start([DerivedController])).rejects.toThrow(message);
      const providers = [{ provide: APP_GUARD, useExisting: IntrospectGuard }];
      await expect(start([DerivedController], {}, { providers })).rejects.toThrow(message);
    });

    it('has its own policy, or is open by its own @Public()', async () => {
      @Controller('own')
      class OwnController extends Base {
        @Get()
        @RequireToken({ scopes: ['b'] })
        override read() {
          return super.read();
        }
      }
      @Controller('open')
      class OpenController extends Base {
        @Get()
        @Public()
        override read() {
          return super.read();
        }
      }
      @Controller('further')
      class FurtherController extends OpenController {
        @Get()
        override read() {
          return super.read();
        }
      }
      const call = await start([OwnController, OpenController, FurtherController]);
      expect(await statuses(call, '/own', ['a', 'b'])).toEqual([403, 200]);
      expect(await call('/open')).toMatchObject({ status: 200 });
      expect(await call('/further')).toMatchObject({ status: 200 });
    });

    it('has the policy of its controller, if there is one', async () => {
      @Controller('class')
      @RequireToken({ scopes: ['b'] })
      class ClassController extends Base {
        @Get()
        override read() {
          return super.read();
        }
      }
      const call = await start([ClassController]);
      expect(await call('/class')).toMatchObject({ status: 401 });
      expect(await statuses(call, '/class', ['a', 'b'])).toEqual([403, 200]);
    });

    it('does no harm if it is not a route', async () => {
      @Controller('none')
      class NoneController extends Base {
        override read() {
          return super.read();
        }
      }
      const call = await start([NoneController]);
      expect(await call('/none')).toMatchObject({ status: 404 });
    });
  });
});

describe('two handlers of one request that is not http', () => {
  const request = {
    method: 'POST',
    url: '/graphql',
    rawHeaders: ['Authorization', 'Bearer a'],
  };
  const contextOf = (resolver: Type, handler: () => unknown) => {
    const context = new ExecutionContextHost([undefined, {}, { request: { ...request } }, {}], resolver, handler);
    context.setType('graphql');
    return context;
  };

  it('are each checked against their own policy, with one introspection', async () => {
    @RequireToken()
    class ItemResolver {
      @RequireToken({ scopes: ['a'] })
      item() {}
      @RequireToken({ scopes: ['b'] })
      owner() {}
    }
    const imports = [
      IntrospectModule.forRoot({
        ...optionsOf(server),
        requestOf: (context) => context.getArgByIndex(2).request,
      }),
    ];
    app = await createApp(platforms[0][1], { imports });
    const guard = app.get(IntrospectGuard);
    const item = contextOf(ItemResolver, ItemResolver.prototype.item);
    const owner = new ExecutionContextHost(item.getArgs(), ItemResolver, ItemResolver.prototype.owner);
    owner.setType('graphql');
    const [first, second] = await Promise.allSettled([guard.canActivate(item), guard.canActivate(owner)]);
    expect(first).toEqual({ status: 'fulfilled', value: true });
    expect(second).toMatchObject({ status: 'rejected', reason: { status: 403 } });
    await expect(guard.canActivate(owner)).rejects.toMatchObject({ status: 403 });
    await expect(guard.canActivate(item)).resolves.toBe(true);
    expect(server.introspections).toHaveLength(1);
    expect(introspectionOf(item)).toMatchObject({ scope: 'a' });
  });
});
