import type { ScriptedServer } from '../server/scripted-server.js';
import { bodyCases } from './adapter-body-cases.js';
import type { ContractCase } from './adapter-case.js';
import { credentialCases } from './adapter-credential-cases.js';
import { faultCases } from './adapter-fault-cases.js';
import { optionalCases } from './adapter-optional-cases.js';
import { routeCases } from './adapter-route-cases.js';
import { tokenCases } from './adapter-token-cases.js';

/**
 * Returns every request of the contract, with the exact response of every adapter. The claims of its tokens are valid for an
 * hour. `runAdapterContract` runs all of them.
 */
export function contractCases({ origin }: Pick<ScriptedServer, 'origin'>): ContractCase[] {
  const inputs = { origin, now: Math.floor(Date.now() / 1000) };
  return [
    ...credentialCases,
    ...tokenCases(inputs),
    ...faultCases,
    ...bodyCases(inputs),
    ...optionalCases(inputs),
    ...routeCases(inputs),
  ];
}
