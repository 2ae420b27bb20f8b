import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { type ContractApi, contractCases, hangUpCases, responseHold, runAdapterContract } from '../../src/index.js';

type Run = () => Promise<void>;

let closers: Run[] = [];
afterEach(async () => {
  for (const close of closers) await close();
  closers = [];
});

/** Returns the tests that the contract declares for an API, by their names. */
function declared(serve: () => Promise<ContractApi>): Map<string, Run> {
  const tests = new Map<string, Run>();
  runAdapterContract({
    serve,
    it: (name, run) => tests.set(name, run),
    afterAll: (run) => closers.push(run),
  });
  return tests;
}

/** Starts an API whose handlers all run without a guard. */
async function unguardedApi(): Promise<ContractApi> {
  let handled = 0;
  const hold = responseHold();
  const http = createServer((request, response) => {
    handled++;
    response.setHeader('Content-Type', 'application/json');
    const respond = () => response.end(JSON.stringify({ sub: null }));
    if (request.url === '/slow') hold.wait().then(respond);
    else respond();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    handled: () => handled,
    hold,
    close: async () => {
      http.close();
      http.closeAllConnections();
    },
  };
}

it('the adapter contract declares one test for each case and each hang-up, and one for concurrent requests', () => {
  const tests = declared(unguardedApi);
  expect(tests.size).toBe(contractCases({ origin: '' }).length + hangUpCases.length + 1);
});

it('the adapter contract accepts an API without a guard only where no token is required', async () => {
  const passed: string[] = [];
  for (const [name, run] of declared(unguardedApi)) {
    if (/ introspect(ed$|ion request )/.test(name)) continue; // they wait for an introspection request
    await run().then(
      () => passed.push(name),
      () => {},
    );
  }
  expect(passed).toEqual([
    'responds as the contract says: an optional token that is not there',
    'responds as the contract says: an optional token beside another scheme',
    'responds as the contract says: a public route, with a broken field',
  ]);
});

it('the adapter contract reports in each test that the API cannot start', async () => {
  const tests = declared(() => Promise.reject(new Error('no API')));
  for (const run of tests.values()) await expect(run()).rejects.toThrow('no API');
});

it('the adapter contract ends a test that hangs, and says what to look for', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const tests = declared(() => new Promise(() => {}));
    const hangUp = [...tests].find(([name]) => name.startsWith('runs no handler'));
    const result = expect(hangUp?.[1]()).rejects.toThrow('did not end within 60 s. Does the app await hold.wait()');
    await vi.advanceTimersByTimeAsync(60_000);
    await result;
  } finally {
    vi.useRealTimers();
    closers = []; // the API never started, so there is nothing to close
  }
});
