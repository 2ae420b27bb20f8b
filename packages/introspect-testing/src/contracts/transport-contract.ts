// This contract uses only web standards: its cases run on any runtime, beside a fault server in another process.

import type { Transport } from '@acme/introspect-core';
import { CaseContext } from './transport-case-context.js';
import { transportCases } from './transport-cases.js';

/** One case of the contract. */
export interface TransportContractCase {
  /** What the transport must do, such as `does not follow redirects`. */
  readonly name: string;
  /** Rejects if the transport breaks the contract, and says what was expected. Has no time limit of its own. */
  run(transport: Transport, server: { readonly origin: string }): Promise<void>;
}

/**
 * All cases of the contract for transports. Any test runner can run them, on any runtime. Their server is one of
 * `startFaultServer` of `@acme/introspect-testing`.
 *
 * @example
 * ```ts
 * for (const { name, run } of transportContractCases) it(name, () => run(transport, server));
 * ```
 */
export const transportContractCases: readonly TransportContractCase[] = Object.entries(transportCases).map(
  ([name, check]) => ({ name, run: (transport, { origin }) => check(new CaseContext(transport, origin)) }),
);
