import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startScriptedServer } from '@acme/introspect-testing';
import { onTestFinished } from 'vitest';

export const secret = 'canary+secret: ß';
export const token = 'canary-token';

/** Starts a server, and returns it with the environment of its API and a folder. All end with the test. */
export async function startTokenApi() {
  const folder = await mkdtemp(join(tmpdir(), 'introspect-token-'));
  const server = await startScriptedServer({ clientId: 'api@acme', clientSecret: secret });
  const env: Record<string, string> = {
    ZITADEL_ISSUER: server.origin,
    ZITADEL_CLIENT_ID: 'api@acme',
    ZITADEL_CLIENT_SECRET: secret,
    ZITADEL_TOKEN: token,
  };
  onTestFinished(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { folder, server, env };
}
