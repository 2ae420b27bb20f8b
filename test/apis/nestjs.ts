import 'reflect-metadata';
import type { ActiveToken } from '@acme/introspect-nestjs';
import { IntrospectGuard, Introspection, IntrospectModule, Public, RequireToken } from '@acme/introspect-nestjs';
import { type ContractApi, contractOptions, contractRoutes, type ScriptedServer } from '@acme/introspect-testing';
import {
  Controller,
  Get,
  HttpCode,
  type INestApplication,
  Module,
  Options,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
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

async function start(
  server: ScriptedServer,
  create: (module: Type) => Promise<INestApplication>,
): Promise<ContractApi> {
  let handled = 0;
  const count = () => {
    handled++;
  };
  class ContractModule {}
  Module({
    imports: [IntrospectModule.forRoot({ ...contractOptions(server), serveResourceMetadata: true })],
    controllers: [
      publicController(count),
      ...Object.entries(contractRoutes).map(([path, policy]) => controllerOf(path, policy, count)),
    ],
  })(ContractModule);
  const app = await create(ContractModule);
  await app.listen(0, '127.0.0.1');
  return { origin: await app.getUrl(), handled: () => handled, close: () => app.close() };
}

const quiet = { logger: false, forceCloseConnections: true } as const;

/** The contract's API in NestJS, on Express. */
export function startNestExpressApi(server: ScriptedServer): Promise<ContractApi> {
  return start(server, (module) => NestFactory.create(module, new ExpressAdapter(), quiet));
}

/** The contract's API in NestJS, on Fastify. */
export function startNestFastifyApi(server: ScriptedServer): Promise<ContractApi> {
  return start(server, (module) =>
    NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter({ forceCloseConnections: true }), quiet),
  );
}
