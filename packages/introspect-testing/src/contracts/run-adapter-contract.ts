import assert from 'node:assert/strict';
import { inactive } from '../http/responses.js';
import { type ScriptedServer, startScriptedServer } from '../server/scripted-server.js';
import type { ContractApi, ContractServer } from './adapter-api.js';
import { token } from './adapter-case.js';
import { contractCases } from './adapter-contract.js';
import { sendRequest } from './adapter-request.js';
import { bearer } from './adapter-responses.js';
import { hangUpCases } from './hang-up-contract.js';

/** How long a case may take. Only a case that hangs takes as long. */
const caseMs = 60_000;
/** The time limit of introspection in the cases that wait for it. Only these run with a short limit. */
const shortTimeoutMs = 1000;

/** The API under test, and two functions of the test runner. */
export interface AdapterContractOptions {
  /** Starts the API under test with `contractOptions(server)`. Called twice, with two servers and time limits. */
  serve(server: ScriptedServer & ContractServer): Promise<ContractApi>;
  /** Declares a test. The runner must run the tests one after the other. */
  it(name: string, run: () => Promise<void>, timeoutMs: number): unknown;
  /** Declares what the runner calls after all tests. It is `after` in `node:test` and Mocha. */
  afterAll(run: () => Promise<void>): unknown;
}

interface Setup {
  readonly api: ContractApi;
  readonly server: ScriptedServer;
}

/**
 * Declares a test for each case of the contract for adapters, for 20 concurrent requests, and for each hang-up. Starts the
 * authorization server and the API, scripts the server anew for each test, and closes both. Any test runner can be used.
 *
 * @example
 * ```ts
 * describe('my adapter', () => runAdapterContract({ it, afterAll, serve: startMyApi }));
 * ```
 */
export function runAdapterContract({ serve, it, afterAll }: AdapterContractOptions): void {
  const usual = lazySetup((server) => serve(server));
  const timingOut = lazySetup((server) => serve({ ...server, timeoutMs: shortTimeoutMs }));
  afterAll(async () => {
    await usual.close();
    await timingOut.close();
  });

  const declare = (name: string, run: () => Promise<void>, hint: string) =>
    it(name, () => endInTime(run, hint), caseMs + 5000);

  // The names of the cases do not depend on the origin of the server.
  for (const [index, { name, timesOut }] of contractCases({ origin: '' }).entries()) {
    const check = async () => checkCase(index, await (timesOut ? timingOut : usual).start());
    declare(`responds as the contract says: ${name}`, check, 'Does the API under test send a response?');
  }
  declare(
    'sends one introspection request for 20 concurrent requests with one token',
    async () => checkConcurrentRequests(await usual.start()),
    'Does each of the 20 requests get a response?',
  );
  for (const { name, check } of hangUpCases) {
    declare(name, async () => check(await usual.start()), 'Does the app await hold.wait() at /slow, for a denial too?');
  }
}

/** Rejects if a case hangs: some runners, such as `node:test`, ignore a time limit in the third argument. */
async function endInTime(run: () => Promise<void>, hint: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The case did not end within ${caseMs / 1000} s. ${hint}`)), caseMs);
  });
  await Promise.race([run(), late]).finally(() => clearTimeout(timer));
}

/** Starts server and API for the first test that needs them. */
function lazySetup(serve: (server: ScriptedServer) => Promise<ContractApi>) {
  let setup: Promise<Setup> | undefined;
  const begin = async (): Promise<Setup> => {
    const server = await startScriptedServer();
    try {
      const api = await serve(server);
      await warmUp({ api, server });
      return { api, server };
    } catch (error) {
      await server.close();
      throw error;
    }
  };
  return {
    start: () => (setup ??= begin()),
    close: async () => {
      const started = await setup?.catch(() => undefined); // the tests have reported the error
      await started?.api.close();
      await started?.server.close();
    },
  };
}

const goodToken = ({ origin }: ScriptedServer) => token({ origin, now: Math.floor(Date.now() / 1000) });

/** Lets the API load what it loads at its first request, so that no test measures that. The tests report its faults. */
async function warmUp({ api, server }: Setup): Promise<void> {
  server.always(goodToken(server));
  for (let attempt = 0; attempt < 20; attempt++) {
    if ((await sendRequest(api.origin, { path: '/any', fields: bearer('good') })).status === 200) return;
  }
}

async function checkCase(index: number, { api, server }: Setup): Promise<void> {
  const found = contractCases(server)[index];
  assert(found);
  const { request, response, introspections = 1 } = found;
  server.always(found.server ?? inactive());
  const handled = response.status < 300 && !request.path.startsWith('/.well-known/') ? 1 : 0;
  const before = { introspections: server.introspections.length, handled: api.handled() };
  assert.deepEqual(await sendRequest(api.origin, request), response);
  const counted = {
    introspections: server.introspections.length - before.introspections,
    handled: api.handled() - before.handled,
  };
  assert.deepEqual(
    counted,
    { introspections, handled },
    'the numbers of introspection requests and of calls of handlers',
  );
}

async function checkConcurrentRequests({ api, server }: Setup): Promise<void> {
  const before = server.introspections.length;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  server.always((response, request) => void released.then(() => goodToken(server)(response, request)));
  const requests = Array.from({ length: 20 }, () =>
    sendRequest(api.origin, { path: '/any', fields: bearer('shared') }),
  );
  await server.introspection(before + 1);
  // All 20 have arrived when as many later requests have their responses.
  await Promise.all(Array.from({ length: 20 }, () => sendRequest(api.origin, { path: '/any' })));
  release();
  const statuses = (await Promise.all(requests)).map(({ status }) => status);
  assert.deepEqual(statuses, Array(20).fill(200));
  assert.equal(server.introspections.length - before, 1, 'there is more than one introspection request');
}
