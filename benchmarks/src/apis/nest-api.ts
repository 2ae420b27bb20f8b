import 'reflect-metadata';
import { IntrospectGuard, IntrospectModule } from '@acme/introspect-nestjs';
import { type CanActivate, Controller, type ExecutionContext, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { cachingAuthorizer } from '../caching-authorizer.js';
import { zitadelResponse } from '../zitadel-response.js';
import { type ApiSettings, hello, type Protection } from './api.js';

class ReadTheHeader implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest().headers.authorization !== undefined;
  }
}

@Controller()
class BareController {
  @Get('hello')
  hello() {
    return hello;
  }
}

@Controller()
@UseGuards(ReadTheHeader)
class NoOpController extends BareController {}

@Controller()
@UseGuards(IntrospectGuard)
class ProtectedController extends BareController {}

@Module({})
class ApiModule {}

/** Starts the API on a free port, and returns its origin. Nest runs on Fastify, its faster platform. */
export async function startNestApi({ protection }: ApiSettings): Promise<string> {
  const controllers: Partial<Record<Protection, typeof BareController>> = {
    bare: BareController,
    'no-op, reads the header': NoOpController,
  };
  const authorizer = cachingAuthorizer(() => zitadelResponse(1));
  const module = {
    module: ApiModule,
    imports: [IntrospectModule.forRoot({ authorizer })],
    controllers: [controllers[protection] ?? ProtectedController],
  };
  const app = await NestFactory.create(module, new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  return (await app.getUrl()).replace(/\/$/, '');
}
