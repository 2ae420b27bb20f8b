import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiProcess, startApi } from './api-process.js';
import { type FaultyRedis, isRedisFault, startFaultyRedis } from './faulty-redis.js';
import { type FaultyServer, startFaultyServer } from './faulty-server.js';
import { overlaps, type Reply, wrongness } from './judge.js';
import { startLoad } from './load.js';
import type { Plan } from './plan.js';
import { count, mostInASecond, type PhaseTally, phaseTally } from './tally.js';
import { Tokens } from './tokens.js';

const probeEveryMs = 20;

/** The part of the response to `GET /stats` that this program reads. */
interface ApiStats {
  readonly lookups: Readonly<Record<string, number>>;
  readonly requests: Readonly<Record<string, number>>;
  readonly shed: Readonly<Record<string, number>>;
}

/** The result of a run. */
export interface Outcome {
  readonly phases: readonly PhaseTally[];
  /** The number of requests without a reply. */
  readonly errors: number;
  /** The longest time after its revocation at which a token was still accepted. */
  readonly longestAcceptedMs: { reachable: number; unreachable: number };
  readonly mostIntrospectionsInASecond: number;
  /** The resident memory of the demo, in MB. */
  readonly memory: { start: number; end: number; most: number } | undefined;
  /** The longest time in which this program itself did not run. All times are only as exact as this. */
  readonly longestStallMs: number;
  readonly stats: ApiStats;
  /** How many keys are in Redis at the end. `undefined` without Redis. */
  readonly storedKeys: number | undefined;
  readonly end: Awaited<ReturnType<ApiProcess['stop']>>;
}

/** Runs the demo under load while its server or Redis goes through a plan. Calls `ended` after each phase. */
export async function runChaos(plan: Plan, ended: (phase: PhaseTally) => void): Promise<Outcome> {
  const server = await startFaultyServer();
  const seconds = (ms: number) => String(ms / 1000);
  const redis = plan.processes > 1 ? await startFaultyRedis() : undefined;
  const environment = {
    ZITADEL_ISSUER: server.issuer,
    ZITADEL_CLIENT_ID: server.clientId,
    ZITADEL_CLIENT_SECRET: server.clientSecret,
    CACHE_MAX_AGE_SECONDS: seconds(plan.cache.maxAgeMs),
    CACHE_REFRESH_AFTER_SECONDS: seconds(plan.cache.refreshAfterMs),
    CACHE_MAX_AGE_IF_ERROR_SECONDS: seconds(plan.cache.maxAgeIfErrorMs),
    ...(redis && { REDIS_URL: redis.url }),
  };
  const apis = await Promise.all(Array.from({ length: plan.processes }, () => startApi(environment)));
  try {
    return await observe(plan, { server, redis, apis, ended });
  } finally {
    await Promise.all(apis.map((api) => api.stop()));
    await server.close();
    await redis?.close();
  }
}

async function observe(
  plan: Plan,
  {
    server,
    redis,
    apis,
    ended,
  }: {
    server: FaultyServer;
    redis: FaultyRedis | undefined;
    apis: readonly ApiProcess[];
    ended: (phase: PhaseTally) => void;
  },
): Promise<Outcome> {
  const [api] = apis;
  if (api === undefined) throw new RangeError('a plan needs a process');
  const tokens = new Tokens(plan, server.tokens);
  const evidence = { ...plan.cache, statements: server.statements, unreachable: server.unreachable };
  const phases: PhaseTally[] = [];
  const longestAcceptedMs = { reachable: 0, unreachable: 0 };
  let current = phaseTally('healthy', 0);
  let errors = 0;
  let backSince: number | undefined;
  const urls = apis.map(({ origin }) => `${origin}/me`);

  const replied = (reply: Reply) => {
    const { kind, status, sentAt, receivedAt, token = '' } = reply;
    const excused = overlaps(server.confusing, reply);
    count(current, reply, { wrong: wrongness(reply, evidence), excused });
    if (kind === 'unseen' && status === 200 && backSince !== undefined && sentAt >= backSince) {
      current.backAfterMs = receivedAt - backSince;
      backSince = undefined;
    }
    if (kind !== 'revoked' || status !== 200) return;
    const when = overlaps(server.unreachable, reply) ? 'unreachable' : 'reachable';
    longestAcceptedMs[when] = Math.max(longestAcceptedMs[when], sentAt - (tokens.revokedAt(token) ?? sentAt));
  };

  const send = async (token: string, url = urls[0] ?? '') => {
    const sentAt = performance.now();
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const body = await response.text();
    return { token, sentAt, receivedAt: performance.now(), status: response.status, body };
  };
  /** Sends new tokens every 20 ms, more often than the load does, until one is accepted again. */
  const probe = async () => {
    const since = performance.now();
    backSince = since;
    while (backSince === since) {
      const { token = '' } = tokens.take('unseen');
      send(token).then(
        (reply) => replied({ kind: 'unseen', ...reply }),
        () => errors++,
      );
      await delay(probeEveryMs);
    }
  };

  const start = await api.memory();
  for (const url of urls) for (const token of tokens.good) await send(token, url);
  const kinds = Object.keys(plan.rates) as (keyof Plan['rates'])[];
  const loads = urls.flatMap((url) =>
    kinds.map((kind) =>
      startLoad({ url, ...plan.rates[kind], take: () => tokens.take(kind), replied, failed: () => errors++ }),
    ),
  );
  const revocations = setInterval(() => tokens.revokeOne(), plan.mortal.everyMs);
  const stalls = monitorEventLoopDelay();
  stalls.enable();

  for (const { fault, ms } of plan.phases) {
    await server.turn(isRedisFault(fault) ? 'healthy' : fault);
    await redis?.turn(fault);
    backSince = undefined;
    const before = server.introspections.length;
    current = phaseTally(fault, ms);
    if (fault === 'healthy' && phases.length > 0) void probe();
    await delay(ms);
    current.memoryMb = (await api.memory())?.now;
    current.introspections = server.introspections.length - before;
    phases.push(current);
    ended(current);
  }

  backSince = undefined;
  clearInterval(revocations);
  await Promise.all(loads.map((load) => load.stop()));
  const stats = await fetch(`${api.origin}/stats`).then(
    (response) => response.json() as Promise<ApiStats>,
    (): ApiStats => ({ lookups: {}, requests: {}, shed: {} }), // the demo has died: `end` has its exit code
  );
  const last = await api.memory();
  return {
    phases,
    errors,
    longestAcceptedMs,
    mostIntrospectionsInASecond: mostInASecond(server.introspections),
    memory: start && last && { start: start.now, end: last.now, most: last.most },
    longestStallMs: stalls.max / 1e6,
    stats,
    storedKeys: await redis?.keys(),
    end: endOf(await Promise.all(apis.map((each) => each.stop()))),
  };
}

/** Returns how the processes ended: the exit code of the first one that failed, and everything that was written to stderr. */
function endOf(ends: readonly Outcome['end'][]): Outcome['end'] {
  const failed = ends.find(({ code }) => code !== 0);
  return { code: failed === undefined ? 0 : failed.code, stderr: ends.map(({ stderr }) => stderr).join('') };
}
