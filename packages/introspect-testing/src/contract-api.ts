import type { ScriptedServer } from './scripted-server.js';

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

/** The API under test. Each of its handlers answers `{"sub": …}`, with `null` where there is no token. */
export interface ContractApi {
  readonly origin: string;
  /** How often a handler has run. */
  handled(): number;
  close(): Promise<void>;
}
