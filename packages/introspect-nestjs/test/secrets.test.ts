import { inspect, types } from 'node:util';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { Controller, type DynamicModule, Get, type INestApplication, Injectable } from '@nestjs/common';
import { type NestContainer, NestFactory } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  IntrospectGuard,
  IntrospectModule,
  type IntrospectModuleOptions,
  type Policy,
  RequireToken,
} from '../src/index.js';
import { bearer, createApp, listen, moduleOf, optionsOf, platforms } from './nest-app.js';

const secret = 'the-client-secret-of-this-api';

let server: ScriptedServer;
let app: INestApplication | undefined;
beforeEach(async () => {
  server = await startScriptedServer({ clientSecret: secret });
  server.tokens.set('good', { sub: 'mickey' });
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await server.close();
});

const secretOptions = () => ({ ...optionsOf(server), clientSecret: secret, errorBody: () => ({}) });

@Injectable()
class OptionsFactory {
  create(): IntrospectModuleOptions {
    return secretOptions();
  }
}

const ways: [string, () => DynamicModule][] = [
  ['forRoot', () => IntrospectModule.forRoot(secretOptions())],
  ['forRootAsync with useFactory', () => IntrospectModule.forRootAsync({ useFactory: secretOptions })],
  [
    'forRootAsync with useFactory that injects',
    () => {
      const imports = [moduleOf({ providers: [OptionsFactory], exports: [OptionsFactory] })];
      const useFactory = async (factory: OptionsFactory) => factory.create();
      return IntrospectModule.forRootAsync({ imports, inject: [OptionsFactory], useFactory });
    },
  ],
  [
    'forRootAsync with useFactory and provideInjectionTokensFrom',
    () =>
      IntrospectModule.forRootAsync({
        provideInjectionTokensFrom: [OptionsFactory],
        inject: [OptionsFactory],
        useFactory: (factory: OptionsFactory) => factory.create(),
      }),
  ],
  ['forRootAsync with useClass', () => IntrospectModule.forRootAsync({ useClass: OptionsFactory })],
  [
    'forRootAsync with useExisting',
    () => {
      const imports = [moduleOf({ providers: [OptionsFactory], exports: [OptionsFactory] })];
      return IntrospectModule.forRootAsync({ imports, useExisting: OptionsFactory });
    },
  ],
];

@Controller('me')
@RequireToken()
class MeController {
  @Get()
  me() {
    return {};
  }
}

/** Returns the paths at which the secret can be reached from a value, through hidden properties too. */
function pathToSecret(root: unknown): string | undefined {
  const seen = new Set<unknown>();
  const rest: [path: string, value: unknown][] = [['', root]];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const [path, value] = next;
    if (typeof value === 'string' && value.includes(secret)) return path;
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
    seen.add(value);
    if (ArrayBuffer.isView(value)) continue;
    if (types.isMap(value) || types.isSet(value)) rest.push(...[...value].map((each) => [path, each] as never));
    for (const name of Reflect.ownKeys(value)) {
      rest.push([`${path}.${String(name)}`, Object.getOwnPropertyDescriptor(value, name)?.value]);
    }
  }
  return undefined;
}

describe('the client secret', () => {
  it.each(platforms.flatMap(([platform, adapter]) => ways.map((way) => [platform, ...way, adapter] as const)))(
    'cannot be found anywhere in the app: on %s, %s',
    async (_, __, way, adapter) => {
      const module = way();
      expect(pathToSecret(module)).toBeUndefined();
      const feature = moduleOf({ controllers: [MeController] });
      app = await createApp(adapter, { imports: [module, feature] });
      const call = await listen(app);
      expect(await call('/me', bearer('good'))).toMatchObject({ status: 200 });
      expect(await call('/me')).toMatchObject({ status: 401 });
      const { container } = app as unknown as { container: NestContainer };
      const modules = [...container.getModules().values()];
      const made = modules.flatMap(({ providers, injectables, controllers }) =>
        [...providers.values(), ...injectables.values(), ...controllers.values()].map(({ instance }) => instance),
      );
      expect(pathToSecret([container, ...made])).toBeUndefined();

      const own = modules.find(({ metatype }) => metatype === IntrospectModule);
      const providers = [...(own?.providers.values() ?? [])].filter(({ name }) => name !== 'ModuleRef'); // holds the app
      const instances = providers.map(({ instance }) => instance);
      expect(instances.some((each) => each instanceof IntrospectGuard)).toBe(true);
      for (const value of [app.get(IntrospectModule), app.get(IntrospectGuard), ...instances]) {
        expect(inspect(value, { showHidden: true, depth: Number.POSITIVE_INFINITY }).includes(secret)).toBe(false);
        expect(String(JSON.stringify(value)).includes(secret)).toBe(false);
      }
    },
  );
});

describe('two modules that are not global', () => {
  it.each(['reference', 'deep-hash'] as const)(
    'each have their own authorizer when Nest distinguishes modules by %s',
    async (moduleIdGeneratorAlgorithm) => {
      const other = await startScriptedServer();
      try {
        other.tokens.set('other', { sub: 'minnie' });
        const features = [server, other].map((each, i) => {
          @Controller(`feature${i}`)
          @RequireToken()
          class FeatureController extends MeController {}
          const module = IntrospectModule.forRoot({
            ...optionsOf(each),
            clientSecret: each === server ? secret : 'secret',
            isGlobal: false,
          });
          return moduleOf({ imports: [module], controllers: [FeatureController] });
        });
        app = await NestFactory.create(moduleOf({ imports: features }), platforms[0][1](), {
          logger: false,
          abortOnError: false,
          forceCloseConnections: true,
          moduleIdGeneratorAlgorithm,
        });
        const call = await listen(app);
        for (const [path, token, status] of [
          ['/feature0', 'good', 200],
          ['/feature0', 'other', 401],
          ['/feature1', 'good', 401],
          ['/feature1', 'other', 200],
        ] as const) {
          expect(await call(path, bearer(token)), `${path} ${token}`).toMatchObject({ status });
        }
      } finally {
        await other.close();
      }
    },
  );
});

it.each([
  ['forRoot', IntrospectModule.forRoot],
  ['forRootAsync', (options: IntrospectModuleOptions) => IntrospectModule.forRootAsync({ useFactory: () => options })],
])('%s rejects an inherited option, and names it', async (_, forRoot) => {
  class Inherits {
    readonly serveResourceMetadata = false;
    get audience() {
      return 'my-api';
    }
  }
  const started = async () => {
    const imports = [forRoot.call(IntrospectModule, Object.assign(new Inherits(), secretOptions()))];
    return createApp(platforms[0][1], { imports });
  };
  await expect(started()).rejects.toThrow('Authorizer: "audience" is inherited');
});

it('an app starts when policyProblem rejects an empty policy and every route has a policy', async () => {
  @Controller()
  class ScopedController {
    @Get('/scoped')
    @RequireToken({ scopes: ['items:read'] })
    read() {
      return {};
    }
  }
  const policyProblem = ({ scopes }: Policy) =>
    scopes === undefined ? '"scopes" are needed on every route' : undefined;
  const imports = [IntrospectModule.forRoot({ ...optionsOf(server), clientSecret: secret, policyProblem })];
  app = await createApp(platforms[0][1], { imports, controllers: [ScopedController] });
  const call = await listen(app);
  expect(await call('/scoped', bearer('good'))).toMatchObject({ status: 403 });
});

it.each(platforms)('a factory that returns nothing prevents the app on %s from starting', async (_, adapter) => {
  const useFactory = () => undefined as unknown as IntrospectModuleOptions;
  const started = createApp(adapter, { imports: [IntrospectModule.forRootAsync({ useFactory })] });
  await expect(started).rejects.toThrow(TypeError);
  await expect(started).rejects.toThrow('IntrospectModule.forRoot: pass the options as an object, or an Authorizer');
});
