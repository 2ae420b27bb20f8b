import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import {
  type ActiveToken,
  type AuthorizerOptions,
  type CacheOptions,
  type ClientAuthentication,
  fromEnv,
} from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { zitadel, zitadelRoles } from '@acme/introspect-core/zitadel';
import { redisStore } from '@acme/introspect-redis';

export { demoRoutes } from './demo-routes.js';

/** The settings of a demo API. */
export interface DemoSettings {
  port: number;
  authorizer: AuthorizerOptions & { resource: string };
}

/** A running demo API. */
export interface Demo {
  origin: string;
  close(): Promise<void>;
}

/**
 * Reads the settings from the environment.
 *
 * - For any server: the variables of `fromEnv`, such as `INTROSPECT_ISSUER`, `INTROSPECT_CLIENT_ID` and
 *   `INTROSPECT_CLIENT_SECRET`. Roles are the claim `roles`, a list.
 * - For ZITADEL, if no `INTROSPECT_…` is set: `ZITADEL_ISSUER` (or `INTROSPECTION_ENDPOINT`), and `ZITADEL_CLIENT_ID` with
 *   `ZITADEL_CLIENT_SECRET` (or `ZITADEL_KEY_FILE`, the path of a key file). Optional: `ZITADEL_INSTANCE_HOST`,
 *   `ZITADEL_PROJECT_ID`.
 * - Optional: `PORT`, `RESOURCE`.
 * - For a cache: `CACHE_MAX_AGE_SECONDS`, and then optionally `CACHE_REFRESH_AFTER_SECONDS` and
 *   `CACHE_MAX_AGE_IF_ERROR_SECONDS`. `REDIS_URL` shares the cache with other processes, and `STORE_SECRET` seals it.
 *
 * @throws Error naming the variable that is missing or invalid
 */
export async function demoSettings(environment: NodeJS.ProcessEnv): Promise<DemoSettings> {
  const server = isForAnyServer(environment) ? anyServer(environment) : zitadelServer(environment);
  const port = environment.PORT ? portOf(environment.PORT) : await freePort();
  const resource = environment.RESOURCE || `http://127.0.0.1:${port}`;
  const cache = cacheOf(environment);
  return { port, authorizer: { ...server, ...(cache && { cache }), resource } };
}

/** Returns whether a variable of `fromEnv` is set. Then the variables for ZITADEL do not matter. */
export function isForAnyServer(environment: NodeJS.ProcessEnv): boolean {
  return Object.entries(environment).some(([name, value]) => name.startsWith('INTROSPECT_') && value);
}

function anyServer(environment: NodeJS.ProcessEnv): AuthorizerOptions {
  const rolesOf = ({ roles }: ActiveToken) => (Array.isArray(roles) ? roles.map(String) : []);
  return fromEnv({ env: environment, rolesOf });
}

function zitadelServer(environment: NodeJS.ProcessEnv): AuthorizerOptions {
  const {
    ZITADEL_ISSUER: issuer,
    INTROSPECTION_ENDPOINT: introspectionEndpoint,
    ZITADEL_CLIENT_ID: clientId,
    ZITADEL_CLIENT_SECRET: clientSecret,
    ZITADEL_KEY_FILE: keyFile,
    ZITADEL_PROJECT_ID: projectId,
    ZITADEL_INSTANCE_HOST: instanceHost,
  } = environment;
  const missing = [
    !(issuer || introspectionEndpoint) && 'ZITADEL_ISSUER (or INTROSPECTION_ENDPOINT)',
    !clientId && !keyFile && 'ZITADEL_CLIENT_ID',
    !clientSecret && !keyFile && 'ZITADEL_CLIENT_SECRET',
  ].filter(Boolean);
  if (missing.length > 0) {
    throw new Error(
      `Set ${missing.join(', ')} in the environment: docs/zitadel.md says where they come from. ` +
        'For another server, set INTROSPECT_ISSUER, INTROSPECT_CLIENT_ID and INTROSPECT_CLIENT_SECRET.',
    );
  }
  const credentials = {
    ...(keyFile ? { clientAuthentication: keyAuthentication(keyFile) } : { clientId, clientSecret }),
    ...(instanceHost && { headers: { 'x-zitadel-instance-host': instanceHost } }),
    rolesOf: zitadelRoles(projectId ? { projectId } : {}),
    ...(introspectionEndpoint && { introspectionEndpoint }),
  };
  const options = issuer
    ? zitadel({ issuer, ...credentials, ...(projectId && { projectId }), env: {} })
    : { ...credentials, ...(projectId && { audience: projectId }) };
  return options as AuthorizerOptions;
}

/** Runs a demo as a program. Prints its URL and some of its paths, and closes it on Ctrl-C or SIGTERM. */
export async function runDemo(
  name: string,
  start: (settings: DemoSettings) => Promise<Demo>,
  paths: readonly string[] = ['/public', '/me'],
): Promise<void> {
  try {
    const demo = await start(await demoSettings(process.env));
    const urls = paths.map((path) => demo.origin + path).join(' and ');
    console.log(`${name} demo: ${demo.origin}   (try ${urls}; Ctrl-C stops it)`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void demo.close());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

/**
 * Returns an authentication with the key file of an application. `changes` replace members of the file.
 *
 * @throws Error if the file cannot be read or used
 */
export function keyAuthentication(path: string, changes: { key?: string } = {}): ClientAuthentication {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch {
    throw new Error(`ZITADEL_KEY_FILE must be the path of a key file that can be read; ${path} is not`);
  }
  const authentication = privateKeyJwt({ keyJson: content });
  return changes.key === undefined
    ? authentication
    : privateKeyJwt({ keyJson: JSON.stringify({ ...JSON.parse(content), ...changes }) });
}

/** Returns the options of the cache, or `undefined` without `CACHE_MAX_AGE_SECONDS`. */
function cacheOf(environment: NodeJS.ProcessEnv): CacheOptions | undefined {
  const maxAgeSeconds = secondsOf(environment, 'CACHE_MAX_AGE_SECONDS');
  const refreshAfterSeconds = secondsOf(environment, 'CACHE_REFRESH_AFTER_SECONDS');
  const maxAgeIfErrorSeconds = secondsOf(environment, 'CACHE_MAX_AGE_IF_ERROR_SECONDS');
  const { REDIS_URL: url, STORE_SECRET: storeSecret } = environment;
  if (maxAgeSeconds === undefined) {
    if (refreshAfterSeconds === undefined && maxAgeIfErrorSeconds === undefined && !url && !storeSecret)
      return undefined;
    throw new Error('Set CACHE_MAX_AGE_SECONDS as well: without it there is no cache');
  }
  return {
    maxAgeSeconds,
    ...(refreshAfterSeconds !== undefined && { refreshAfterSeconds }),
    ...(maxAgeIfErrorSeconds !== undefined && { maxAgeIfErrorSeconds }),
    ...(url && { store: redisStore({ url, onError: (error) => console.error(String(error)) }) }),
    ...(storeSecret && { storeSecret }),
  };
}

function secondsOf(environment: NodeJS.ProcessEnv, name: string): number | undefined {
  const value = environment[name];
  if (!value) return undefined;
  const seconds = Number(value);
  if (seconds >= 0 && Number.isFinite(seconds)) return seconds;
  throw new Error(`${name} must be a number of seconds`);
}

function portOf(value: string): number {
  const port = Number(value);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error('PORT must be a number from 1 to 65535');
}

/** Returns a port that is free now. The URL of the resource contains it, so the demo needs it before it listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
