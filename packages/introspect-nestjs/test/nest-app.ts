import 'reflect-metadata';
import { type ContractResponse, type ScriptedServer, sendRequest } from '@acme/introspect-testing';
import {
  type DynamicModule,
  type INestApplication,
  type LoggerService,
  Module,
  type Provider,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

export const platforms = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter({ forceCloseConnections: true })],
] as const;
export type Adapter = (typeof platforms)[number][1];

export const bearer = (token: string): [string, string] => ['Authorization', `Bearer ${token}`];

export const optionsOf = (server: ScriptedServer) => ({
  introspectionEndpoint: server.introspectionEndpoint,
  clientId: 'api',
  clientSecret: 'secret',
});

/** Returns a module class with the given metadata. */
export function moduleOf(metadata: Parameters<typeof Module>[0]): Type {
  class AnyModule {}
  Module(metadata)(AnyModule);
  return AnyModule;
}

interface Parts {
  imports: (Type | DynamicModule)[];
  controllers?: Type[];
  providers?: Provider[];
}

export function createApp(
  adapter: Adapter,
  parts: Parts,
  logger: LoggerService | false = false,
): Promise<INestApplication> {
  return NestFactory.create(moduleOf(parts), adapter(), { logger, abortOnError: false, forceCloseConnections: true });
}

/** Starts to listen, and returns a function that sends a request: to a path, or to a method and a path. */
export async function listen(app: INestApplication) {
  await app.listen(0, '127.0.0.1');
  const origin = await app.getUrl();
  return async (target: string, ...fields: [string, string][]) => {
    const [path = '', method = 'GET'] = target.split(' ').reverse();
    const response: ContractResponse = await sendRequest(origin, { method, path, fields });
    return {
      status: response.status,
      challenge: response['www-authenticate'],
      body: response.body === '' ? undefined : JSON.parse(response.body),
    };
  };
}
