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

/** A caller who hangs up. The adapter must run no handler, and the API must go on serving. */
export interface HangUpCase {
  name: string;
  /** Rejects with an assertion error if a handler runs, or if the API does not serve afterwards. */
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
    name: `a caller who hangs up while its rejection is held back: ${name}`,
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

/** All hang-ups of the contract. Run them one after the other, on the API that was started for the contract. */
export const hangUpCases: readonly HangUpCase[] = [
  duringRejection('no token', inactive()),
  duringRejection('an inactive token', inactive(), 'bad'),
  duringRejection('a token of another audience', json({ active: true, aud: 'another' }), 'foreign'),
  {
    name: 'a caller who hangs up while its token is being introspected',
    check: (setup) =>
      checkUnharmed(setup, async () => {
        const { server } = setup;
        server.always(hangBeforeHeaders());
        const number = server.introspections.length + 1;
        const hangUp = send(setup, 'late');
        const introspection = await server.introspection(number);
        hangUp();
        await introspection.over;
        await passTime(setup);
      }),
  },
];
