import type { ResponseHold } from './response-hold.js';
import type { ScriptedServer } from './scripted-server.js';

export { holdEnd, type ResponseHold, responseHold } from './response-hold.js';

type Claims = Readonly<Record<string, unknown>>;

/** The API that an adapter protects for the contract: these paths, each by `GET`, `HEAD` and `OPTIONS`. */
export const contractRoutes = {
  '/any': {},
  '/scopes': { scopes: ['items:read', 'items:write'] },
  '/role': { anyRole: ['admin', 'owner'] },
  '/recent': { maxAuthenticationAgeSeconds: 300, scopes: ['items:read'] },
  '/strong': { acrValues: ['urn:mfa', 'urn:key'] },
  '/optional': { optional: true },
  '/denied': { check: () => false },
} as const;

/** The options of the authorizer that protects it: each fault is met once, whatever came before it. */
export function contractOptions({ origin }: Pick<ScriptedServer, 'origin'>) {
  return {
    issuer: origin,
    clientId: 'api',
    clientSecret: 'secret',
    audience: 'contract-api',
    realm: 'contract',
    resource: 'https://api.example.com/contract',
    resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource/contract',
    rolesOf: (token: Claims) => (Array.isArray(token.roles) ? token.roles : []),
    timeoutMs: 500,
    retry: { attempts: 1 },
    circuitBreaker: false as const,
  };
}

/**
 * The API under test. Each of its handlers responds with `{"sub": …}`, or `{"sub": null}` if there is no token.
 *
 * Its routes are `contractRoutes`, `/public` without a guard, and these three with the policy `{}`:
 * - `/all`: one handler for all methods.
 * - `/composed`: the app calls the guard inside a hook, guard or middleware of its own.
 * - `/slow`: a response hook or middleware of the app awaits `hold.wait()` before it writes a response.
 */
export interface ContractApi {
  readonly origin: string;
  /** How often a handler has run; at `/composed`, how often the code after the guard has run. */
  handled(): number;
  readonly hold: ResponseHold;
  close(): Promise<void>;
}
