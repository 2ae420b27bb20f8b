import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { type DemoName, startDemoProgram } from './demo-program.js';

const demos: readonly DemoName[] = ['express-demo', 'fastify-demo', 'hono-demo', 'nestjs-demo'];
/** The length of an access token that Keycloak made for a member of 300 groups. */
const ofManyGroups = 'k'.repeat(11_359);
/** Longer than the default of Node for all header fields, and than the default of `maxTokenLength`. */
const tooLong = 'k'.repeat(20_000);

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer({ clientId: 'api', clientSecret: 'secret' });
  for (const token of [ofManyGroups, tooLong]) server.tokens.set(token, { sub: 'alice' });
});
afterAll(() => server.close());

/** Starts a demo that ends with the test, and returns the status of its responses to a token at `/me`. */
async function startWith(name: DemoName, environment: Record<string, string> = {}) {
  const demo = await startDemoProgram(name, {
    INTROSPECT_ISSUER: server.origin,
    INTROSPECT_CLIENT_ID: 'api',
    INTROSPECT_CLIENT_SECRET: 'secret',
    ...environment,
  });
  onTestFinished(() => demo.end());
  return async (token: string) => (await demo.request('/me', token)).status;
}

it.each(demos)('%s accepts a token of 11,359 characters, and Node responds with 431 to one of 20,000', async (name) => {
  const statusFor = await startWith(name);
  expect(await statusFor(ofManyGroups)).toBe(200);
  expect(await statusFor(tooLong)).toBe(431);
});

it('--max-http-header-size lets a longer token reach the guard, which rejects it by "maxTokenLength"', async () => {
  const statusFor = await startWith('fastify-demo', { NODE_OPTIONS: '--max-http-header-size=32768' });
  expect(await statusFor(ofManyGroups)).toBe(200);
  expect(await statusFor(tooLong)).toBe(401);
});
