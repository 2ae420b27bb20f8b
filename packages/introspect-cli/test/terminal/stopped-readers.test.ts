import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { introspectInShell } from '../support/real-process.js';

let server: ScriptedServer;
let env: Record<string, string>;
beforeEach(async () => {
  server = await startScriptedServer({ clientId: 'api', clientSecret: 'secret' });
  server.tokens.set('good', { sub: 'mickey' });
  env = { ZITADEL_ISSUER: server.origin, ZITADEL_CLIENT_ID: 'api', ZITADEL_CLIENT_SECRET: 'secret' };
});
afterEach(() => server.close());

/** Writes the exit code of the command to stderr, because a pipe returns only that of its last command. */
const intoClosedPipe = (name: string, args: string) =>
  introspectInShell(`{ ${name} ${args}; echo "ended with $?" >&3; } 3>&2 2>&1 | :`, { env });

describe('a reader that closes the pipe', () => {
  it.each([
    ['an active token', 'good', 0],
    ['an inactive token', 'unknown', 1],
  ])('does not change the exit code: %s', async (_, token, code) => {
    env.ZITADEL_TOKEN = token;
    expect((await intoClosedPipe('introspect', 'token')).stderr).toBe(`ended with ${code}\n`);
  });

  it('does not change the exit code of an error', async () => {
    expect((await intoClosedPipe('introspect', 'token --colour')).stderr).toBe('ended with 2\n');
  });
});

describe('a result that cannot be written', () => {
  it('ends the command with exit code 3 and one sentence', async () => {
    env.ZITADEL_TOKEN = 'good';
    const { code, stderr } = await introspectInShell('introspect token >/dev/full', { env });
    expect([code, stderr]).toEqual([3, 'The result cannot be written (ENOSPC)\n']);
  });

  it('ends the command with exit code 3, even if stderr cannot be written', async () => {
    env.ZITADEL_TOKEN = 'good';
    expect((await introspectInShell('introspect token >/dev/full 2>/dev/full', { env })).code).toBe(3);
  });
});
