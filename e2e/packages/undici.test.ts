import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { respond, startScriptedServer } from '@acme/introspect-testing';
import { expect, it } from 'vitest';

const run = promisify(execFile);
/** An idle connection would keep the process alive for 3 s. */
const soonMs = 2500;

it.each([
  ['a response', 'good', 'true'],
  ['a failure', 'bad', 'invalid_client'],
])('a program that sends one request with undici ends soon after %s', async (_, token, printed) => {
  const server = await startScriptedServer();
  server.tokens.set('good', {});
  if (token === 'bad') server.always(respond({ status: 401 }));
  const program = `
    import { IntrospectionClient } from '@acme/introspect-core';
    import { undiciTransport } from '@acme/introspect-core/undici';
    const client = new IntrospectionClient({
      issuer: '${server.origin}', clientId: 'api', clientSecret: 'secret', transport: undiciTransport(),
    });
    await client.introspect('${token}').then(({ active }) => active, ({ code }) => code).then(console.log);
    process.on('exit', () => console.log(performance.now() - received < ${soonMs} ? 'soon' : 'late'));
    const received = performance.now();`;
  const args = ['--input-type=module', '--eval', program];
  const { stdout } = await run(process.execPath, args, { cwd: import.meta.dirname, timeout: 60_000 });
  expect(stdout).toBe(`${printed}\nsoon\n`);
  await server.close();
});
