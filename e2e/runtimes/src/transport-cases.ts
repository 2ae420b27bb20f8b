import type { Transport } from '@acme/introspect-core';
import { transportContractCases } from '@acme/introspect-testing/transport-contract';
import { assert, rejection } from './assert.js';
import type { RuntimeCase } from './runtime-case.js';

/**
 * Deno's own `fetch` sends a request again, even a POST, when the server closes a connection that was used before. No option
 * prevents it.
 */
const resentByDeno = 'sends each request once, even if it fails';
const onDeno = globalThis.navigator?.userAgent?.startsWith('Deno/') === true;

/** The contract for transports. */
export function transportCases(by: 'ofetch' | 'undici', transport: Transport): RuntimeCase[] {
  return transportContractCases.map(({ name, run }) => {
    const isResent = onDeno && by === 'ofetch' && name === resentByDeno;
    return {
      name: `the transport by ${by}: ${name}${isResent ? ', except that Deno sends it again' : ''}`,
      async run({ faultOrigin }) {
        const passed = run(transport, { origin: faultOrigin });
        if (!isResent) return passed;
        const { message } = await rejection(passed);
        // Two of the requests fail. Deno sends one or both again, depending on the connections that it has.
        const resent = /^expected the requests to be 3, but it is [45]$/;
        assert(resent.test(message), `Deno sends a request again, but: ${message}`);
      },
    };
  });
}
