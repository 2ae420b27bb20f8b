import type { ScriptedServer } from '@acme/introspect-testing';
import { expect, vi } from 'vitest';
import {
  Authorizer,
  type AuthorizerSettings,
  type CacheOptions,
  type IntrospectEvent,
  type IntrospectionClientOptions,
  isAuthorizationError,
  isIntrospectionError,
  type Policy,
  type RequestContext,
} from '../../src/index.js';
import type { Clocks } from './clocks.js';

type Options = Partial<IntrospectionClientOptions & Omit<AuthorizerSettings, 'cache'>> & {
  cache?: Partial<CacheOptions>;
};

/** An authorizer that caches responses for 60 s, its decisions, and its events except `introspected`. */
export function cachingAuthorizer(server: ScriptedServer, clocks: Clocks, { cache, ...options }: Options = {}) {
  const events: IntrospectEvent[] = [];
  const work: Promise<unknown>[] = [];
  const authorizer = new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    ...(cache?.store !== undefined && { log: false }), // otherwise it warns that the store is not sealed
    now: clocks.now,
    monotonicNow: clocks.monotonicNow,
    onEvent: (event) => void (event.type !== 'introspected' && events.push(event)),
    cache: { maxAgeSeconds: 60, refreshAfterSeconds: false, ...cache },
    ...options,
  });
  return {
    authorizer,
    events,
    /** Returns how many events of a type were emitted. */
    count: (type: IntrospectEvent['type']) => events.filter((event) => event.type === type).length,
    /** Authorizes a request: resolves with `ok`, or with the reason or code of the error. */
    authorize: (token = 't', policy: Policy = {}, request: Partial<RequestContext> = {}) => {
      const waitUntil = (promise: Promise<unknown>) => work.push(promise);
      return outcomeOf(authorizer.authorize({ authorization: `Bearer ${token}`, waitUntil, ...request }, policy));
    },
    /** Waits until the background work of all requests so far has ended. */
    settle: async () => void (await Promise.all(work.splice(0))),
  };
}

/** A caching authorizer on a runtime without Node's synchronous hash, so that each cache key needs a promise. */
export function cachingAuthorizerOnWebCrypto(
  ...parameters: Parameters<typeof cachingAuthorizer>
): ReturnType<typeof cachingAuthorizer> {
  vi.stubGlobal('process', undefined);
  try {
    return cachingAuthorizer(...parameters);
  } finally {
    vi.unstubAllGlobals();
  }
}

/** Resolves with `ok`, or with the reason or code of the error with which the decision rejects. */
export function outcomeOf(decision: Promise<unknown>): Promise<string> {
  return decision.then(
    () => 'ok',
    (error: unknown) => {
      if (isAuthorizationError(error)) return error.code === 'invalid_token' ? error.reason : error.code;
      if (isIntrospectionError(error)) return error.code;
      throw error;
    },
  );
}

/** Resolves with the error with which a promise rejects, or with undefined if it does not reject. */
export function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Resolves with the error with which a promise rejects. Fails the test if it does not reject. */
export function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
}
