import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { introspectInShell } from '../support/introspect-process.js';

let server: ScriptedServer;
let env: Record<string, string>;
beforeEach(async () => {
  server = await startScriptedServer({ clientId: 'api', clientSecret: 'secret' });
  server.tokens.set('good', { sub: 'mickey' });
  env = { ZITADEL_ISSUER: server.origin, ZITADEL_CLIENT_ID: 'api', ZITADEL_CLIENT_SECRET: 'secret' };
});
afterEach(() => server.close());

/** Its exit code is written to stderr, since a pipe has only that of its end. */
const intoClosedPipe = (name: string, args: string) =>
  introspectInShell(`{ ${name} ${args}; echo "ended with $?" >&3; } 3>&2 2>&1 | :`, { env });

describe('a reader who is gone', () => {
  it.each([
    ['an active token', 'good', 0],
    ['an inactive token', 'unknown', 1],
  ])('leaves the exit code as it is: %s', async (_, token, code) => {
    env.ZITADEL_TOKEN = token;
    expect((await intoClosedPipe('introspect', 'token')).stderr).toBe(`ended with ${code}\n`);
  });

  it('leaves the exit code of a failure as it is', async () => {
    expect((await intoClosedPipe('introspect', 'token --colour')).stderr).toBe('ended with 2\n');
  });
});

describe('a result that cannot be written', () => {
  it('is a failure, in one sentence', async () => {
    env.ZITADEL_TOKEN = 'good';
    const { code, stderr } = await introspectInShell('introspect token >/dev/full', { env });
    expect([code, stderr]).toEqual([3, 'What was asked for cannot be written (ENOSPC)\n']);
  });

  it('is a failure also when nothing can be said of it', async () => {
    env.ZITADEL_TOKEN = 'good';
    expect((await introspectInShell('introspect token >/dev/full 2>/dev/full', { env })).code).toBe(3);
  });
});
