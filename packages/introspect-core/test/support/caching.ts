import type { ScriptedResponse, ScriptedServer } from '@acme/introspect-testing';
import { vi } from 'vitest';
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
import { AgeClock } from '../../src/runtime/age-clock.js';

/** Both clocks, which stand still until they are set. */
export class Clocks {
  wallMs = 1_750_000_000_000;
  monotonicMs = 5_000_000;

  readonly now = () => this.wallMs;
  readonly steadyNow = this.now;
  readonly monotonicNow = () => this.monotonicMs;
  readonly age = new AgeClock(this);

  pass(seconds: number): void {
    this.wallMs += seconds * 1000;
    this.monotonicMs += seconds * 1000;
  }

  /** Sets the wall clock alone. */
  turn(seconds: number): void {
    this.wallMs += seconds * 1000;
  }

  /** In so many seconds, as a token's `exp` says it. */
  in(seconds: number): number {
    return this.wallMs / 1000 + seconds;
  }
}

type Options = Partial<IntrospectionClientOptions & Omit<AuthorizerSettings, 'cache'>> & {
  cache?: Partial<CacheOptions>;
};

/** An authorizer with a cache that keeps answers for 60 s; how it decides, and all that it tells but its questions. */
export function caching(server: ScriptedServer, clocks: Clocks, { cache, ...options }: Options = {}) {
  const events: IntrospectEvent[] = [];
  const work: Promise<unknown>[] = [];
  const authorizer = new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    now: clocks.now,
    monotonicNow: clocks.monotonicNow,
    onEvent: (event) => void (event.type !== 'introspected' && events.push(event)),
    cache: { maxAgeSeconds: 60, ...cache },
    ...options,
  });
  return {
    authorizer,
    events,
    /** How often something was told. */
    told: (type: IntrospectEvent['type']) => events.filter((event) => event.type === type).length,
    /** `ok`, or what is wrong with the request. */
    ask: (token = 't', policy: Policy = {}, request: Partial<RequestContext> = {}) => {
      const waitUntil = (promise: Promise<unknown>) => work.push(promise);
      return outcomeOf(authorizer.authorize({ authorization: `Bearer ${token}`, waitUntil, ...request }, policy));
    },
    /** Waits for what went on after the answers. */
    settle: async () => void (await Promise.all(work.splice(0))),
  };
}

/** The same on a runtime without Node's hash, where a key is not made at once. */
export function cachingByWebCrypto(...given: Parameters<typeof caching>): ReturnType<typeof caching> {
  vi.stubGlobal('process', undefined);
  try {
    return caching(...given);
  } finally {
    vi.unstubAllGlobals();
  }
}

/** `ok`, or what is wrong with the request. */
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

/** An answer that waits until it is released. */
export function held(answer: ScriptedResponse) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const waits: ScriptedResponse = (response, request) => void promise.then(() => answer(response, request));
  return { waits, release };
}

/** Lets all else go on until it is so. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A store that others can share, whose entries end by the clock that is given. */
export function mapStore(clocks: Clocks) {
  const entries = new Map<string, { value: string; until: number }>();
  return {
    entries,
    get: vi.fn(async (key: string) => {
      const entry = entries.get(key);
      return entry !== undefined && clocks.monotonicMs < entry.until ? entry.value : undefined;
    }),
    set: vi.fn(async (key: string, value: string, ttlMs: number) => {
      entries.set(key, { value, until: clocks.monotonicMs + ttlMs });
    }),
    delete: vi.fn(async (key: string) => void entries.delete(key)),
  };
}
