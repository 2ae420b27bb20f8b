import { active, contractCases, inactive, type ScriptedServer, sendRequest } from '@acme/introspect-testing';
import { assertEqual } from './assert.js';

/** A case that is asked from outside, over the runtime's own server. */
export interface ServedCase {
  readonly name: string;
  run(origin: string): Promise<void>;
}

const fields = (token: string) => [['Authorization', `Bearer ${token}`]] as const;
const attempts = 2000;

/** What the server is asked, and when it answers. */
function held(): { promise: Promise<void>; release: () => void } {
  let release = () => {};
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}

/** Asks again and again; each time is a request, so that this is not idle. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) if (await isSo()) return;
  throw new Error(`not after ${attempts} looks: ${what}`);
}

async function claimsOf(origin: string, path: string): Promise<{ asked?: number }> {
  const { body } = await sendRequest(origin, { path, fields: fields('same') });
  return JSON.parse(body);
}

/**
 * The contract first, and then what leaves questions behind that it would count.
 *
 * Where a promise of another request never settles, each request asks by itself.
 */
export function servedCases(server: ScriptedServer, sharesPromises: boolean): ServedCase[] {
  return [
    ...contractCases(server).map(
      ({ name, request, response, server: script, introspections = 1 }): ServedCase => ({
        name: `the contract: ${name}`,
        async run(origin) {
          const before = server.introspections.length;
          server.always(script ?? inactive());
          assertEqual(await sendRequest(origin, request), response);
          assertEqual(server.introspections.length - before, introspections);
        },
      }),
    ),
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
        const asking = Promise.all(
          Array.from({ length: 20 }, () => sendRequest(origin, { path: '/together', fields: fields('same') })),
        );
        asking.catch(() => {}); // awaited below, unless it is too late for that
        await until('all have arrived', async () => (await sendRequest(origin, { path: '/arrived' })).body === '20');
        await server.introspection(before + introspections);
        release();
        const answers = await asking;
        assertEqual([...new Set(answers.map(({ body }) => body))], ['{"active":true,"sub":"mickey"}']);
        assertEqual(server.introspections.length - before, introspections);
      },
    },
    {
      name: 'a renewal outlives the request that began it',
      async run(origin) {
        const before = server.introspections.length;
        const { promise, release } = held();
        server.always(async (response, request) => {
          const asked = server.introspections.indexOf(request) - before + 1;
          if (asked > 1) await promise;
          active({ asked })(response, request);
        });
        assertEqual((await claimsOf(origin, '/renewed')).asked, 1);
        assertEqual((await claimsOf(origin, '/renewed')).asked, 1);
        await server.introspection(before + 2);
        release();
        await until('the new answer is used', async () => (await claimsOf(origin, '/renewed')).asked !== 1);
      },
    },
  ];
}
