import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiProcess, startApi } from './api-process.js';
import { type FaultyServer, startFaultyServer } from './faulty-server.js';
import { overlaps, type Reply, wrongness } from './judge.js';
import { startLoad } from './load.js';
import type { Plan } from './plan.js';
import { count, mostInASecond, type PhaseTally, phaseTally } from './tally.js';
import { Tokens } from './tokens.js';

const probeEveryMs = 20;

/** What the demo tells at `GET /stats`, as far as it is of use here. */
interface ApiStats {
  readonly lookups: Readonly<Record<string, number>>;
  readonly requests: Readonly<Record<string, number>>;
  readonly shed: Readonly<Record<string, number>>;
}

/** What came of a run. */
export interface Outcome {
  readonly phases: readonly PhaseTally[];
  /** Requests that got no reply at all. */
  readonly errors: number;
  /** For how long after its revocation a token was let in at most. */
  readonly latestLetInMs: { reachable: number; unreachable: number };
  readonly mostQuestionsInASecond: number;
  /** Of the demo, in MB. */
  readonly memory: { start: number; end: number; most: number } | undefined;
  /** For how long this program itself was not served by its machine: no time here is more exact. */
  readonly longestStallMs: number;
  readonly stats: ApiStats;
  readonly end: Awaited<ReturnType<ApiProcess['stop']>>;
}

/** Runs the demo under load while its server goes through a plan; `ended` is told of each phase. */
export async function runChaos(plan: Plan, ended: (phase: PhaseTally) => void): Promise<Outcome> {
  const server = await startFaultyServer();
  const seconds = (ms: number) => String(ms / 1000);
  const api = await startApi({
    ZITADEL_ISSUER: server.issuer,
    ZITADEL_CLIENT_ID: server.clientId,
    ZITADEL_CLIENT_SECRET: server.clientSecret,
    CACHE_MAX_AGE_SECONDS: seconds(plan.cache.maxAgeMs),
    CACHE_REFRESH_AFTER_SECONDS: seconds(plan.cache.refreshAfterMs),
    CACHE_MAX_AGE_IF_ERROR_SECONDS: seconds(plan.cache.maxAgeIfErrorMs),
  });
  try {
    return await observe(plan, { server, api, ended });
  } finally {
    await api.stop();
    await server.close();
  }
}

async function observe(
  plan: Plan,
  { server, api, ended }: { server: FaultyServer; api: ApiProcess; ended: (phase: PhaseTally) => void },
): Promise<Outcome> {
  const tokens = new Tokens(plan, server.tokens);
  const evidence = { ...plan.cache, words: server.words, unreachable: server.unreachable };
  const phases: PhaseTally[] = [];
  const latestLetInMs = { reachable: 0, unreachable: 0 };
  let current = phaseTally('healthy', 0);
  let errors = 0;
  let backSince: number | undefined;
  const url = `${api.origin}/me`;

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
    latestLetInMs[when] = Math.max(latestLetInMs[when], sentAt - (tokens.revokedAt(token) ?? sentAt));
  };

  const ask = async (token: string) => {
    const sentAt = performance.now();
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const body = await response.text();
    return { token, sentAt, receivedAt: performance.now(), status: response.status, body };
  };
  /** The server is back: sees when tokens that were never seen pass again, in finer steps than the load has. */
  const probe = async () => {
    const since = performance.now();
    backSince = since;
    while (backSince === since) {
      const { token = '' } = tokens.take('unseen');
      ask(token).then(
        (reply) => replied({ kind: 'unseen', ...reply }),
        () => errors++,
      );
      await delay(probeEveryMs);
    }
  };

  const start = await api.memory();
  for (const token of tokens.good) await ask(token);
  const kinds = Object.keys(plan.rates) as (keyof Plan['rates'])[];
  const loads = kinds.map((kind) =>
    startLoad({ url, ...plan.rates[kind], take: () => tokens.take(kind), replied, failed: () => errors++ }),
  );
  const revocations = setInterval(() => tokens.revokeOne(), plan.mortal.everyMs);
  const stalls = monitorEventLoopDelay();
  stalls.enable();

  for (const { fault, ms } of plan.phases) {
    await server.turn(fault);
    backSince = undefined;
    const asked = server.questions.length;
    current = phaseTally(fault, ms);
    if (fault === 'healthy' && phases.length > 0) void probe();
    await delay(ms);
    current.memoryMb = (await api.memory())?.now;
    current.questions = server.questions.length - asked;
    phases.push(current);
    ended(current);
  }

  backSince = undefined;
  clearInterval(revocations);
  await Promise.all(loads.map((load) => load.stop()));
  const stats = await fetch(`${api.origin}/stats`).then(
    (response) => response.json() as Promise<ApiStats>,
    (): ApiStats => ({ lookups: {}, requests: {}, shed: {} }), // it has died, which its end will tell
  );
  const last = await api.memory();
  return {
    phases,
    errors,
    latestLetInMs,
    mostQuestionsInASecond: mostInASecond(server.questions),
    memory: start && last && { start: start.now, end: last.now, most: last.most },
    longestStallMs: stalls.max / 1e6,
    stats,
    end: await api.stop(),
  };
}
