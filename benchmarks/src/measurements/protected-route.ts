// The cost of protecting a route on a cache hit, beside the bare route, and beside other libraries.
import type { Protection } from '../apis/api.js';
import { load, loadTool } from '../load.js';
import { isQuick } from '../quick.js';
import { atLeast, type Goal, type Report, times } from '../report.js';
import { inRounds, median, medianRatio } from '../rounds.js';
import { jwtIssuer, opaqueToken } from '../tokens.js';
import { serve, startWorker } from '../worker.js';

const seconds = isQuick ? 0.3 : 1;
const secondsToWarmUp = 2;
const rounds = isQuick ? 3 : 15;
const warmUps = isQuick ? 0 : 2;

interface Sample {
  perSecond: number;
  /** The CPU time of the API's process. */
  cpuMicroseconds: number;
}

type Samples = Partial<Record<Protection, Sample[]>>;

const frameworks: Record<string, readonly Protection[]> = {
  Fastify: ['bare', 'no-op, reads the header', '@fastify/jwt with cache', 'ours, opaque', 'ours, JWT'],
  Hono: ['bare', 'no-op, reads the header', 'hono/jwt', 'ours, opaque', 'ours, JWT'],
  NestJS: ['bare', 'no-op, reads the header', 'ours, opaque', 'ours, JWT'],
};

async function report(): Promise<Report> {
  const { jwt, publicPem } = jwtIssuer();
  const headers = { jwt: `Bearer ${jwt(1)}`, opaque: `Bearer ${opaqueToken(1)}` };
  const rows: string[][] = [];
  const samplesOf: Record<string, Samples> = {};
  for (const [framework, protections] of Object.entries(frameworks)) {
    const samples = await measure(framework, protections, { headers, publicPem });
    samplesOf[framework] = samples;
    for (const protection of protections) {
      rows.push([
        `${framework}: ${protection}`,
        times(ratio(samples, 'perSecond', protection)),
        times(ratio(samples, 'cpuMicroseconds', protection)),
        median(valuesOf(samples, 'perSecond', protection)).toFixed(0),
        median(valuesOf(samples, 'cpuMicroseconds', protection)).toFixed(1),
      ]);
    }
  }
  const goal = (bound: number, framework: string, protection: Protection, base: Protection = 'bare'): Goal =>
    atLeast(
      bound,
      ratio(samplesOf[framework] ?? {}, 'perSecond', protection, base),
      `${framework}: ${protection}, requests/s of ${base}`,
      1 / ratio(samplesOf[framework] ?? {}, 'cpuMicroseconds', protection, base),
    );
  return {
    title: `A protected route, warm cache, loaded by ${loadTool}`,
    columns: ['', 'requests/s, of bare', 'CPU per request, of bare', 'requests/s', 'CPU µs'],
    rows,
    goals: [
      goal(0.9, 'Fastify', 'ours, JWT'),
      goal(0.94, 'Fastify', 'ours, opaque'),
      goal(0.93, 'Hono', 'ours, JWT', 'no-op, reads the header'),
      goal(0.93, 'Hono', 'ours, opaque', 'no-op, reads the header'),
      goal(0.95, 'NestJS', 'ours, JWT'),
      goal(0.95, 'NestJS', 'ours, opaque'),
    ],
    notes: ['NestJS runs on Fastify. JWTs are signed with RS256. CPU is that of the API alone.'],
  };
}

/** Measures each protection in its own process, in turns. */
async function measure(
  framework: string,
  protections: readonly Protection[],
  { headers, publicPem }: { headers: { jwt: string; opaque: string }; publicPem: string },
): Promise<Samples> {
  const apis = await Promise.all(
    protections.map(async (protection) => {
      const api = await startWorker('./workers/api.js', [framework, protection, publicPem]);
      const url = `${await api.get<string>('origin')}/hello`;
      const header = protection === 'ours, opaque' ? headers.opaque : headers.jwt;
      const sample = async (): Promise<Sample> => {
        await api.get('collectGarbage');
        const cpuBefore = await api.get<number>('cpuMicroseconds');
        const requests = await load(url, header, seconds);
        const cpu = (await api.get<number>('cpuMicroseconds')) - cpuBefore;
        return { perSecond: requests / seconds, cpuMicroseconds: cpu / requests };
      };
      return { protection, api, sample, warmUp: () => load(url, header, secondsToWarmUp) };
    }),
  );
  const rivals = Object.fromEntries(apis.map(({ protection, sample }) => [protection, sample]));
  await Promise.all(apis.map(({ warmUp }) => warmUp()));
  const samples = await inRounds(rivals, { rounds, warmUps });
  for (const { api } of apis) api.end();
  return samples;
}

function valuesOf(samples: Samples, value: keyof Sample, protection: Protection): number[] {
  return (samples[protection] ?? []).map((sample) => sample[value]);
}

function ratio(samples: Samples, value: keyof Sample, protection: Protection, base: Protection = 'bare'): number {
  return medianRatio(valuesOf(samples, value, protection), valuesOf(samples, value, base));
}

serve({ report });
