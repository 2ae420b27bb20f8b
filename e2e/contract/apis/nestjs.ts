import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import type { ActiveToken } from '@acme/introspect-nestjs';
import { IntrospectGuard, Introspection, IntrospectModule, Public, RequireToken } from '@acme/introspect-nestjs';
import {
  type ContractApi,
  type ContractServer,
  contractOptions,
  contractRoutes,
  holdEnd,
  type ResponseHold,
  responseHold,
} from '@acme/introspect-testing';
import {
  All,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpCode,
  type INestApplication,
  Inject,
  Injectable,
  Module,
  Options,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

/** A controller for one path of the contract: policies are declared by decorators, so each has a class of its own. */
function controllerOf(path: string, policy: object, count: () => void) {
  @Controller(path)
  @UseGuards(IntrospectGuard)
  class ContractController {
    @Get()
    @RequireToken(policy)
    read(@Introspection() token: ActiveToken | null) {
      count();
      return { sub: token?.sub ?? null };
    }

    @Options()
    @HttpCode(204)
    @RequireToken(policy)
    options() {
      count();
    }
  }
  return ContractController;
}

function publicController(count: () => void) {
  @Controller('/public')
  @UseGuards(IntrospectGuard)
  @RequireToken({ scopes: ['never'] })
  class PublicController {
    @Get()
    @Public()
    read() {
      count();
      return { sub: null };
    }
  }
  return PublicController;
}

/** The routes `/all` and `/slow`, and `/composed`, which a guard of the app's own protects. */
function furtherControllers(count: () => void): Type[] {
  const subOf = (token: ActiveToken | null) => ({ sub: token?.sub ?? null });

  @Injectable()
  class ComposedGuard implements CanActivate {
    constructor(@Inject(IntrospectGuard) private readonly guard: IntrospectGuard) {}

    async canActivate(context: ExecutionContext): Promise<boolean> {
      await this.guard.canActivate(context);
      count();
      return true;
    }
  }

  @Controller('/composed')
  @UseGuards(ComposedGuard)
  class ComposedController {
    @Get()
    read(@Introspection() token: ActiveToken | null) {
      return subOf(token);
    }
  }

  @Controller()
  @UseGuards(IntrospectGuard)
  class GuardedController {
    @All('/all')
    all(@Introspection() token: ActiveToken | null) {
      count();
      return subOf(token);
    }

    @Get('/slow')
    slow(@Introspection() token: ActiveToken | null) {
      count();
      return subOf(token);
    }
  }
  return [ComposedController, GuardedController];
}

async function start(
  server: ContractServer,
  create: (module: Type, hold: ResponseHold) => Promise<INestApplication>,
): Promise<ContractApi> {
  let handled = 0;
  const hold = responseHold();
  const count = () => {
    handled++;
  };
  class ContractModule {}
  Module({
    imports: [IntrospectModule.forRoot({ ...contractOptions(server), serveResourceMetadata: true })],
    controllers: [
      publicController(count),
      ...furtherControllers(count),
      ...Object.entries(contractRoutes).map(([path, policy]) => controllerOf(path, policy, count)),
    ],
  })(ContractModule);
  const app = await create(ContractModule, hold);
  await app.listen(0, '127.0.0.1');
  return { origin: await app.getUrl(), handled: () => handled, hold, close: () => app.close() };
}

const quiet = { logger: false, forceCloseConnections: true } as const;

/** The contract's API in NestJS, on Express. */
export function startNestExpressApi(server: ContractServer): Promise<ContractApi> {
  return start(server, async (module, hold) => {
    const app = await NestFactory.create<NestExpressApplication>(module, new ExpressAdapter(), quiet);
    app.use('/slow', (_: unknown, response: ServerResponse, next: () => void) => {
      holdEnd(response, hold);
      next();
    });
    return app;
  });
}

/** The contract's API in NestJS, on Fastify. */
export function startNestFastifyApi(server: ContractServer): Promise<ContractApi> {
  return start(server, async (module, hold) => {
    const adapter = new FastifyAdapter({ forceCloseConnections: true });
    const app = await NestFactory.create<NestFastifyApplication>(module, adapter, quiet);
    const fastify = app.getHttpAdapter().getInstance();
    fastify.addHook('onSend', async ({ url }: { url: string }) => {
      if (url === '/slow') await hold.wait();
    });
    return app;
  });
}
