import { active, contractCases, inactive, type ScriptedServer, sendRequest } from '@acme/introspect-testing';
import { assertEqual } from './assert.js';

/** A case from outside, over the runtime's own server. */
export interface ServedCase {
  readonly name: string;
  run(origin: string): Promise<void>;
}

const fields = (token: string) => [['Authorization', `Bearer ${token}`]] as const;
const attempts = 2000;

/** Returns a promise, and the function that resolves it. */
function held(): { promise: Promise<void>; release: () => void } {
  let release = () => {};
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}

/** Waits for a condition. Each check sends a request, so the event loop goes on. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) if (await isSo()) return;
  throw new Error(`not after ${attempts} checks: ${what}`);
}

async function claimsOf(origin: string, path: string): Promise<{ count?: number }> {
  const { body } = await sendRequest(origin, { path, fields: fields('same') });
  return JSON.parse(body);
}

/** Returns the cases of the contract, for the API under a path. */
function contractOf(adapter: string, server: ScriptedServer, under: string): ServedCase[] {
  return contractCases(server).map(({ name, request, response, server: script, introspections = 1 }) => ({
    name: `the contract of ${adapter}: ${name}`,
    async run(origin) {
      const before = server.introspections.length;
      server.always(script ?? inactive());
      assertEqual(await sendRequest(origin, { ...request, path: `${under}${request.path}` }), response);
      assertEqual(server.introspections.length - before, introspections);
    },
  }));
}

/**
 * Returns the contract first, because the cases after it can leave requests behind that the contract would count.
 *
 * On workerd, requests share no promise, so each one is introspected.
 */
export function servedCases(server: ScriptedServer, sharesPromises: boolean): ServedCase[] {
  return [
    ...contractOf('Hono', server, ''),
    ...contractOf('web-standard requests', server, '/web'),
    {
      name: `twenty requests with one token get responses, by ${sharesPromises ? 'one introspection request' : 'one introspection request each'}`,
      async run(origin) {
        const before = server.introspections.length;
        const introspections = sharesPromises ? 1 : 20;
        const { promise, release } = held();
        server.always(async (response, request) => {
          await promise;
          active({ sub: 'mickey' })(response, request);
        });
        const requests = Promise.all(
          Array.from({ length: 20 }, () => sendRequest(origin, { path: '/together', fields: fields('same') })),
        );
        requests.catch(() => {}); // awaited below, if the cases before that do not fail
        await until('all have arrived', async () => (await sendRequest(origin, { path: '/arrived' })).body === '20');
        await server.introspection(before + introspections);
        release();
        const responses = await requests;
        assertEqual([...new Set(responses.map(({ body }) => body))], ['{"active":true,"sub":"mickey"}']);
        assertEqual(server.introspections.length - before, introspections);
      },
    },
    {
      name: 'a refresh outlives the request that started it',
      async run(origin) {
        const before = server.introspections.length;
        const { promise, release } = held();
        server.always(async (response, request) => {
          const count = server.introspections.indexOf(request) - before + 1;
          if (count > 1) await promise;
          active({ count })(response, request);
        });
        assertEqual((await claimsOf(origin, '/renewed')).count, 1);
        assertEqual((await claimsOf(origin, '/renewed')).count, 1);
        await server.introspection(before + 2);
        release();
        await until('the new response is used', async () => (await claimsOf(origin, '/renewed')).count !== 1);
      },
    },
  ];
}
