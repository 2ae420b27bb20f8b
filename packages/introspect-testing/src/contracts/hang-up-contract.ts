import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { hangBeforeHeaders, inactive, json, type ScriptedResponse } from '../http/responses.js';
import type { ScriptedServer } from '../server/scripted-server.js';
import type { ContractApi } from './adapter-api.js';
import { sendRequest } from './adapter-request.js';

interface HangUpSetup {
  readonly api: ContractApi;
  readonly server: ScriptedServer;
}

/** Longer than a good adapter needs on a busy machine, and shorter than the default time limit of introspection. */
const endMs = 10_000;

/** A caller who hangs up. */
export interface HangUpCase {
  /** A sentence that says what must happen. */
  name: string;
  /** Rejects with an assertion error that says what happened instead. */
  check(setup: HangUpSetup): Promise<void>;
}

/** Sends a request to `/slow` over its own socket, and returns a function that hangs up. */
function send({ api }: HangUpSetup, token?: string): () => void {
  const { hostname, port, host } = new URL(api.origin);
  const socket = connect(Number(port), hostname);
  const field = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  socket.write(`GET /slow HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n`);
  return () => socket.destroy();
}

/** Sends requests one after the other. Meanwhile the API notices the hang-up. */
async function passTime({ api }: HangUpSetup): Promise<void> {
  for (let i = 0; i < 10; i++) await sendRequest(api.origin, { path: '/any' });
}

/** Runs `hangUp`, and checks that it runs no handler and that the API serves a good token afterwards. */
async function checkUnharmed(setup: HangUpSetup, hangUp: () => Promise<void>): Promise<void> {
  const { api, server } = setup;
  const before = api.handled();
  await hangUp();
  await passTime(setup);
  assert.equal(api.handled(), before, 'a handler ran for a caller who hung up');
  server.always(json({ active: true, iss: server.origin, aud: 'contract-api', sub: 'mickey' }));
  const { status } = await sendRequest(api.origin, { path: '/slow', fields: [['Authorization', 'Bearer good']] });
  assert.equal(status, 200, 'the API does not serve a good token after a hang-up');
}

function duringRejection(name: string, response: ScriptedResponse, token?: string): HangUpCase {
  return {
    name: `runs no handler and serves further requests after a caller hung up while its rejection was held back: ${name}`,
    check: (setup) =>
      checkUnharmed(setup, async () => {
        setup.server.always(response);
        const held = setup.api.hold.next();
        const hangUp = send(setup, token);
        const release = await held;
        hangUp();
        await passTime(setup);
        release();
      }),
  };
}

/** Hangs up while the token is being introspected. Resolves when the introspection request has ended. */
async function hangUpDuringIntrospection(setup: HangUpSetup): Promise<void> {
  const { server } = setup;
  server.always(hangBeforeHeaders());
  const number = server.introspections.length + 1;
  const hangUp = send(setup, 'late');
  const introspection = await server.introspection(number);
  hangUp();
  await introspection.over;
}

/** All hang-ups of the contract. Run them one after the other, on the API that was started for the contract. */
export const hangUpCases: readonly HangUpCase[] = [
  duringRejection('no token', inactive()),
  duringRejection('an inactive token', inactive(), 'bad'),
  duringRejection('a token of another audience', json({ active: true, aud: 'another' }), 'foreign'),
  {
    name: 'runs no handler and serves further requests after a caller hung up while its token was being introspected',
    check: (setup) =>
      checkUnharmed(setup, async () => {
        await hangUpDuringIntrospection(setup);
        await passTime(setup);
      }),
  },
  {
    name: 'ends the introspection request when its only caller hangs up',
    async check(setup) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<string>((resolve) => {
        timer = setTimeout(resolve, endMs, 'late');
      });
      const first = await Promise.race([hangUpDuringIntrospection(setup), late]).finally(() => clearTimeout(timer));
      const advice = 'pass the response to nodeRequestContext, or set "signal" in the context of the request';
      assert.notEqual(first, 'late', `the introspection request went on after its only caller hung up: ${advice}`);
    },
  },
];
