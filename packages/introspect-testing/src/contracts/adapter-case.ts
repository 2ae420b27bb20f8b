import type { ScriptedResponse } from '../http/responses.js';
import { json } from '../http/responses.js';
import type { ContractRequest, ContractResponse } from './adapter-request.js';

/** The claims of a token. */
export type Claims = Readonly<Record<string, unknown>>;

/** One case of the contract for adapters. */
export interface ContractCase {
  /** What is special about the case, such as `an expired token`. */
  name: string;
  /**
   * The response of the authorization server to every introspection request.
   *
   * @default the token is inactive
   */
  server?: ScriptedResponse;
  /** The request to the API under test. */
  request: ContractRequest;
  /** The exact response. The handler runs if the status is 200 or 204, except for the resource metadata. */
  response: ContractResponse;
  /**
   * The number of introspection requests.
   *
   * @default 1
   */
  introspections?: number;
  /**
   * Whether the introspection request reaches its time limit. The case takes as long as `timeoutMs`.
   *
   * @default false
   */
  timesOut?: boolean;
}

/** What the claims of a case depend on: the issuer, and the time in seconds since the epoch. */
export interface CaseInputs {
  origin: string;
  now: number;
}

/** Responds with an active token that passes at `/any`. `claims` are added, and replace its own. */
export function token({ origin, now }: CaseInputs, claims: Claims = {}): ScriptedResponse {
  return json({ active: true, iss: origin, aud: 'contract-api', sub: 'mickey', exp: now + 3600, nbf: now, ...claims });
}

/** Returns claims that satisfy the policies of all routes, except for `/denied`. */
export function goodClaims({ now }: CaseInputs): Claims {
  return { scope: 'items:read items:write', roles: ['admin'], auth_time: now - 10, acr: 'urn:mfa' };
}
