import 'reflect-metadata';
import { IntrospectModule } from '@acme/introspect-nestjs';
import { Module } from '@nestjs/common';
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
  const options = { logger: false, abortOnError: false, forceCloseConnections: true } as const;
  const app = await NestFactory.create(module, new ExpressAdapter(), options);
  await app.listen(port, '127.0.0.1');
  return { origin: `http://127.0.0.1:${port}`, close: () => app.close() };
}
