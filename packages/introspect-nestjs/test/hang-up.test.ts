import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { hangBeforeHeaders, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type DynamicModule,
  Get,
  HttpException,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ActiveToken, IntrospectModule, type RequestContext, RequireToken } from '../src/index.js';
import { bearer, createApp, listen, optionsOf, platforms } from './nest-app.js';

let server: ScriptedServer;
let app: INestApplication | undefined;
const handled = vi.fn();
const logged = vi.fn();
const logger = { log: () => {}, warn: () => {}, error: logged, fatal: logged };

beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey' });
  handled.mockReset();
  logged.mockReset();
});
afterEach(async () => {
  await app?.close();
  app = undefined;
  await server.close();
});

@Controller('me')
@RequireToken()
class MeController {
  @Get()
  me() {
    handled();
    return {};
  }
}

const patient = () => ({ ...optionsOf(server), timeoutMs: 60_000 });

/** Lets Nest handle an exception, and then reports it to the test. */
@Catch()
class TellingFilter extends BaseExceptionFilter {
  caught = (_: unknown) => {};
  override catch(exception: unknown, host: ArgumentsHost) {
    super.catch(exception, host);
    this.caught(exception);
  }
}

describe.each(platforms)('a client that hangs up, on %s', (platform, adapter) => {
  /** Returns an app that is not listening yet, and a function that returns the next exception of a request. */
  async function create(module: DynamicModule, controller: Type = MeController) {
    const api = await createApp(adapter, { imports: [module], controllers: [controller] }, logger);
    app = api;
    const filter = new TellingFilter(api.getHttpAdapter());
    api.useGlobalFilters(filter);
    const nextException = () =>
      new Promise<unknown>((resolve) => {
        filter.caught = resolve;
      });
    return { api, nextException };
  }

  async function send(api: INestApplication, ...fields: string[]): Promise<Socket> {
    const socket = connect(Number(new URL(await api.getUrl()).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`${['GET /me HTTP/1.1', 'Host: a', ...fields].join('\r\n')}\r\n\r\n`);
    return socket;
  }

  it('while its token is being introspected causes status 499, no log line and no call of the handler', async () => {
    const errorBody = vi.fn(() => ({}));
    const { api, nextException } = await create(IntrospectModule.forRoot({ ...patient(), errorBody }));
    const call = await listen(api);
    for (let i = 1; i <= 10; i++) {
      server.next(hangBeforeHeaders());
      const exception = nextException();
      const socket = await send(api, 'Authorization: Bearer good');
      await server.introspection(i);
      socket.destroy();
      const caught = await exception;
      expect(caught).toBeInstanceOf(HttpException);
      expect(caught).toMatchObject({ status: 499, message: 'Client Closed Request' });
    }
    expect(logged).not.toHaveBeenCalled();
    expect(errorBody).not.toHaveBeenCalled();
    expect(handled).not.toHaveBeenCalled();
    expect(await call('/me', bearer('good'))).toMatchObject({ status: 200 });
  });

  it('does not hide an error of the app itself', async () => {
    const failure = new DOMException('This operation was aborted', 'AbortError');
    const { api, nextException } = await create(IntrospectModule.forRoot(() => Promise.reject(failure)));
    const call = await listen(api);
    const exception = nextException();
    expect(await call('/me', bearer('good'))).toMatchObject({ status: 500 });
    expect(await exception).toBe(failure);
    expect(logged).toHaveBeenCalledOnce();
  });

  it('does not hide an error that the app throws after the hang-up', async () => {
    const failure = new Error('broken');
    const entered = Promise.withResolvers<void>();
    const check = async (_: ActiveToken, { signal }: RequestContext) => {
      await new Promise((resolve) => {
        signal?.addEventListener('abort', resolve);
        entered.resolve();
      });
      throw failure;
    };
    @Controller('me')
    @RequireToken({ check })
    class CheckedController extends MeController {}
    const { api, nextException } = await create(IntrospectModule.forRoot(patient()), CheckedController);
    await api.listen(0, '127.0.0.1');
    const exception = nextException();
    const socket = await send(api, 'Authorization: Bearer good');
    await entered.promise;
    socket.destroy();
    expect(await exception).toBe(failure);
    expect(logged).toHaveBeenCalledOnce();
    expect(handled).not.toHaveBeenCalled();
  });

  it('during slow middleware, before its token is rejected, never reaches the handler', async () => {
    const { api, nextException } = await create(IntrospectModule.forRoot(patient()));
    const entered = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    api.use(async (_: IncomingMessage, response: ServerResponse, next: () => void) => {
      response.once('close', gone.resolve);
      entered.resolve();
      await gone.promise;
      next();
    });
    await api.listen(0, '127.0.0.1');
    const exception = nextException();
    const socket = await send(api);
    await entered.promise;
    socket.destroy();
    expect(await exception).toMatchObject({ status: 401 });
    expect(handled).not.toHaveBeenCalled();
    expect(logged).not.toHaveBeenCalled();
  });

  it.runIf(platform === 'Fastify')(
    'during a slow onSend hook, after its token was rejected, never reaches the handler',
    async () => {
      const { api } = await create(IntrospectModule.forRoot(patient()));
      const entered = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      let isFirst = true;
      api
        .getHttpAdapter()
        .getInstance()
        .addHook('onSend', async (_: unknown, reply: { raw: ServerResponse }) => {
          if (!isFirst) return;
          isFirst = false;
          reply.raw.once('close', gone.resolve);
          entered.resolve();
          await gone.promise;
        });
      const call = await listen(api);
      const socket = await send(api);
      await entered.promise;
      socket.destroy();
      await gone.promise;
      expect(await call('/me')).toMatchObject({ status: 401 });
      expect(handled).not.toHaveBeenCalled();
      expect(logged).not.toHaveBeenCalled();
    },
  );
});
