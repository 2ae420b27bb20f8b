import 'reflect-metadata';
import { IntrospectModule } from '@acme/introspect-nestjs';
import { Module, type NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { Demo, DemoSettings } from 'demo';
import { DemoController } from './demo.controller.js';

@Module({})
class DemoModule {}

/** The demo API in NestJS, on Express. */
export async function startNestjsDemo({ port, ...settings }: DemoSettings): Promise<Demo> {
  const module = {
    module: DemoModule,
    imports: [IntrospectModule.forRoot({ ...settings.authorizer, serveResourceMetadata: true })],
    controllers: [DemoController],
  };
  // The log says why introspection failed. The lines about the start of the app are left out.
  const options = {
    logger: ['error', 'warn'],
    abortOnError: false,
    forceCloseConnections: true,
  } satisfies NestApplicationOptions;
  const app = await NestFactory.create(module, new ExpressAdapter(), options);
  await app.listen(port, '127.0.0.1');
  return { origin: `http://127.0.0.1:${port}`, close: () => app.close() };
}
