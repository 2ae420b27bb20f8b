import type { ResponseHold } from './response-hold.js';

export { holdEnd, type ResponseHold, responseHold } from './response-hold.js';

type Claims = Readonly<Record<string, unknown>>;

/** The paths of the API under test, with their policies. Each responds to `GET`, `HEAD` and `OPTIONS`. */
export const contractRoutes = {
  '/any': {},
  '/scopes': { scopes: ['items:read', 'items:write'] },
  '/role': { anyRole: ['admin', 'owner'] },
  '/recent': { maxAuthenticationAgeSeconds: 300, scopes: ['items:read'] },
  '/strong': { acrValues: ['urn:mfa', 'urn:key'] },
  '/optional': { optional: true },
  '/denied': { check: () => false },
  '/problem': { scopes: ['items:read'] },
  '/fault': {},
} as const;

/** Returns the path of a request that has `url`, such as Node's or a web-standard one, or of a Hono Context. */
function pathOf(native: unknown): string | undefined {
  const { url, req } = native as { url?: string; req?: { path: string } };
  return url === undefined ? req?.path : new URL(url, 'http://localhost').pathname;
}

/** Replaces the body at `/problem`, throws at `/fault`, and returns the usual body elsewhere. */
function errorBody(error: { code: string; body: object }, native: unknown): object {
  const path = pathOf(native);
  if (path === '/fault') throw new Error('errorBody is broken');
  return path === '/problem' ? { type: 'about:blank', title: error.code, instance: path } : error.body;
}

/** The authorization server of the API under test, and its time limit. */
export interface ContractServer {
  /** The origin of the server. It is also its issuer. */
  readonly origin: string;
  /**
   * The time limit of one introspection, in milliseconds.
   *
   * @default 30000: only a fault of the API under test lets an introspection last that long
   */
  readonly timeoutMs?: number;
}

/**
 * Returns the options of the authorizer that protects the API. They turn off retries and the circuit breaker, which would
 * hide a fault of the server.
 */
export function contractOptions({ origin, timeoutMs = 30_000 }: ContractServer) {
  return {
    issuer: origin,
    clientId: 'api',
    clientSecret: 'secret',
    audience: 'contract-api',
    realm: 'contract',
    resource: 'https://api.example.com/contract',
    resourceMetadata: 'https://api.example.com/.well-known/oauth-protected-resource/contract',
    rolesOf: (token: Claims) => (Array.isArray(token.roles) ? token.roles : []),
    maxTokenLength: 8192,
    timeoutMs,
    retry: { attempts: 1 },
    circuitBreaker: false as const,
    errorBody,
  };
}

/**
 * The API under test. Its handlers respond with the body `{"sub": …}` and the Content-Type `application/json`. Without a
 * token, the body is `{"sub": null}`. A handler for `OPTIONS` alone responds with 204 and no body.
 *
 * Its routes are:
 * - those of `contractRoutes`, for `GET` (with `HEAD`) and `OPTIONS`.
 * - `/.well-known/oauth-protected-resource/contract`: the resource metadata, without a guard (`serveResourceMetadata`).
 * - `/public`: no guard.
 *
 * And with the policy `{}`:
 * - `/all`: one handler for all methods.
 * - `/composed`: the app calls the guard inside a hook, guard or middleware of its own.
 * - `/slow`: a response hook or middleware of the app awaits `hold.wait()` before it writes a response.
 */
export interface ContractApi {
  /** The origin at which the API listens. */
  readonly origin: string;
  /** How often a handler has run; at `/composed`, how often the code after the guard has run. */
  handled(): number;
  /** The hold that the app uses at `/slow`. */
  readonly hold: ResponseHold;
  /** Stops the API. */
  close(): Promise<void>;
}
