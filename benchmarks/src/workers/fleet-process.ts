// One process of a fleet: an authorizer with a cache, and with a store in Redis if there is a URL.
import { once } from 'node:events';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { Authorizer, isAuthorizationError, isIntrospectionError } from '@acme/introspect-core';
import { isDecided, protect } from '@acme/introspect-core/adapter';
import { undiciTransport } from '@acme/introspect-core/undici';
import { redisStore } from '@acme/introspect-redis';
import { createClient } from 'redis';
import { subjectOf } from '../fleet/canaries.js';
import type { FleetSettings, HitTimes, LookUps, Rejection, SecondTier } from '../fleet/fleet.js';
import { dealt, type Traffic } from '../fleet/traffic.js';
import { median, quantile } from '../rounds.js';
import { opaqueToken } from '../tokens.js';
import { serve } from '../worker.js';

const {
  endpoint,
  redisUrl,
  storeSecret,
  localMaxAgeSeconds,
  process: own,
} = JSON.parse(process.argv[2] ?? '') as FleetSettings & { process: number };

const store = redisUrl === undefined ? undefined : redisStore({ url: redisUrl, onError: () => {} });
let reports = 0;
const count = () => {
  reports++;
};
store?.onInvalidate(count, { reset: count, unreliable: count });
const authorizer = new Authorizer({
  introspectionEndpoint: endpoint,
  clientId: 'api',
  clientSecret: 'secret',
  transport: undiciTransport(),
  log: false,
  cache: {
    maxAgeSeconds: 600,
    ...(store !== undefined && { store, localMaxAgeSeconds }),
    ...(storeSecret !== undefined && { storeSecret }),
  },
});
const guard = authorizer.guard();
const decide = protect(authorizer);
const headerOf = (number: number) => `Bearer ${opaqueToken(number)}`;
const nanoseconds = () => process.hrtime.bigint(); // comparable between the processes of one machine

/** Looks up a token, and returns what its request got. `wrong` is another token's response. */
async function lookUp(number: number): Promise<'accepted' | 'rejected' | 'unavailable' | 'wrong'> {
  try {
    const { sub } = await guard(headerOf(number));
    return sub === subjectOf(number) ? 'accepted' : 'wrong';
  } catch (error) {
    if (isAuthorizationError(error)) return 'rejected';
    if (isIntrospectionError(error)) return 'unavailable';
    throw error;
  }
}

/** Makes look-ups of tokens that are active, some at a time. Each begins in its own turn of the event loop, as requests do. */
async function lookUpAll(numbers: readonly number[], concurrency: number): Promise<LookUps> {
  const startedAt = performance.now();
  let [next, wrong, unavailable] = [0, 0, 0];
  const one = async () => {
    for (let number = numbers[next++]; number !== undefined; number = numbers[next++]) {
      const result = await lookUp(number);
      if (result === 'unavailable') unavailable++;
      else if (result !== 'accepted') wrong++;
      await nextTurn();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  return { lookUps: numbers.length, wrong, unavailable, seconds: (performance.now() - startedAt) / 1000 };
}

const hotTokens = Array.from({ length: 100 }, (_, number) => ({
  number,
  header: headerOf(number),
  subject: subjectOf(number),
}));

serve({
  /** Resolves when Redis reports changes to this process: two reports come with a new connection. */
  ready: async () => {
    while (store !== undefined && reports < 2) await delay(5);
  },
  lookUp,
  traffic: (traffic: Traffic, concurrency: number) => lookUpAll(dealt(traffic, own), concurrency),
  /** Looks up each token once. */
  each: (first: number, count: number, concurrency: number) =>
    lookUpAll(
      Array.from({ length: count }, (_, index) => first + index),
      concurrency,
    ),

  /** Invalidates a token. Returns when it began, and whether the store accepted it. */
  invalidate: async (number: number) => {
    const at = String(nanoseconds());
    const isStored = await authorizer.invalidate({ token: opaqueToken(number) }).then(
      () => true,
      () => false,
    );
    return { at, isStored };
  },
  invalidateSubject: (number: number) => authorizer.invalidate({ sub: subjectOf(number) }),
  /** Looks a token up each millisecond until it is rejected. Returns when that look-up began and ended. */
  rejection: async (number: number): Promise<Rejection> => {
    for (;;) {
      const began = nanoseconds();
      const result = await lookUp(number);
      if (result === 'rejected') return { began: String(began), ended: String(nanoseconds()) };
      await delay(1);
    }
  },
  /** Returns the milliseconds of round trips to Redis on a connection of their own, one after the other. */
  roundTrips: async (count: number) => {
    const client = await plainClient();
    const times: number[] = [];
    for (let trip = 0; trip < count; trip++) {
      const startedAt = performance.now();
      await client.ping();
      times.push(performance.now() - startedAt);
    }
    return times;
  },

  /** Times hits of the cache in memory, while one look-up of a new token begins in each turn of the event loop. */
  hitTimes: async (hits: number, firstNew: number): Promise<HitTimes> => {
    for (const { number } of hotTokens) await lookUp(number);
    globalThis.gc?.();
    const times: number[] = [];
    const others: Promise<string>[] = [];
    let wrong = 0;
    while (times.length < hits) {
      others.push(lookUp(firstNew + others.length));
      for (const { header, subject } of hotTokens) {
        const startedAt = nanoseconds();
        const decision = decide({ authorization: header, native: {} });
        const took = Number(nanoseconds() - startedAt);
        if (isDecided(decision)) times.push(took); // otherwise it reads Redis, which is no hit in memory
        const decided = await decision;
        if (!decided.allowed || decided.token?.sub !== subject) wrong++;
      }
      await nextTurn();
    }
    const results = await Promise.all(others);
    return {
      p99Microseconds: quantile(times, 0.99) / 1000,
      wrong: wrong + results.filter((result) => result === 'wrong' || result === 'rejected').length,
    };
  },

  /** Times first look-ups of tokens that another process has shared, and a plain GET before each. */
  secondTier: async (first: number, rounds: number, perRound: number): Promise<SecondTier[]> => {
    const client = await plainClient();
    const keys = await client.keys('introspect:value:*');
    const samples: SecondTier[] = [];
    let number = first;
    for (let round = 0; round < rounds; round++) {
      const [gets, hits]: [number[], number[]] = [[], []];
      const headers = Array.from({ length: perRound }, () => headerOf(number++));
      for (const [pair, header] of headers.entries()) {
        const key = keys[(round * perRound + pair) % keys.length] ?? '';
        const startedAt = performance.now();
        await client.get(key);
        const gotAt = performance.now();
        await guard(header);
        hits.push(performance.now() - gotAt);
        gets.push(gotAt - startedAt);
      }
      samples.push({ getMs: median(gets), hitMs: median(hits) });
    }
    return samples;
  },
});

let client: ReturnType<typeof createClient> | undefined;
async function plainClient() {
  if (client === undefined) {
    client = createClient({ url: redisUrl ?? '' });
    client.on('error', () => {});
    void client.connect();
    await once(client, 'ready');
  }
  return client;
}
