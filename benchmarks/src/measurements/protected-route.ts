// The cost of protecting a route on a cache hit, beside the bare route, and beside other libraries.
import type { Protection } from '../apis/api.js';
import { load, loadTool } from '../load.js';
import { isQuick } from '../quick.js';
import { atLeast, cells, columnsOf, type Goal, type Report } from '../report.js';
import { inRounds, median, ratios } from '../rounds.js';
import { jwtIssuer, opaqueToken } from '../tokens.js';
import { serve, startWorker, type Worker } from '../worker.js';

/** How often all processes are started anew. */
const generations = isQuick ? 1 : 3;
const rounds = isQuick ? 1 : 3;
const seconds = isQuick ? 0.3 : 1;
/** Until the code of a framework is compiled, a request costs more than later. */
const warmUpSeconds = isQuick ? 0.3 : 3;

interface Sample {
  perSecond: number;
  /** The CPU time of the API's process. */
  cpuMicroseconds: number;
}

type Samples = Partial<Record<Protection, Sample[]>>;

const frameworks: Record<string, readonly Protection[]> = {
  Fastify: ['bare', 'no-op, reads the header', '@fastify/jwt with cache', 'ours, opaque', 'ours, JWT'],
  Hono: [
    'bare',
    'handler that reads the header',
    'no-op, reads the header',
    'hono/jwt',
    'ours, withToken, opaque',
    'ours, withToken, JWT',
    'ours, opaque',
    'ours, JWT',
  ],
  NestJS: ['bare', 'no-op, reads the header', 'ours, opaque', 'ours, JWT'],
  Express: ['bare', 'no-op, reads the header', 'ours, opaque', 'ours, JWT'],
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
      const { perSecond, cpu } = valuesOf(samples, protection);
      const bare = valuesOf(samples, 'bare');
      rows.push([
        `${framework}: ${protection}`,
        ...cells(ratios(cpu, bare.cpu)),
        ...cells(ratios(perSecond, bare.perSecond)),
        median(cpu).toFixed(1),
        median(perSecond).toFixed(0),
      ]);
    }
  }
  const goal = (bound: number, framework: string, protection: Protection, base: Protection): Goal => {
    const samples = samplesOf[framework] ?? {};
    const worth = ratios(valuesOf(samples, base).cpu, valuesOf(samples, protection).cpu);
    return atLeast(bound, worth, `${framework}: ${protection}, as cheap as ${base}`);
  };
  return {
    title: `A protected route, warm cache, loaded by ${loadTool}`,
    columns: [
      '',
      ...columnsOf('CPU per request, of bare'),
      ...columnsOf('requests/s, of bare'),
      'CPU µs',
      'requests/s',
    ],
    rows,
    goals: (['opaque', 'JWT'] as const).flatMap((kind) => [
      goal(0.93, 'Fastify', `ours, ${kind}`, 'bare'),
      goal(0.95, 'Hono', `ours, withToken, ${kind}`, 'handler that reads the header'),
      goal(0.93, 'Hono', `ours, ${kind}`, 'no-op, reads the header'),
      goal(0.95, 'NestJS', `ours, ${kind}`, 'no-op, reads the header'),
      goal(0.95, 'Express', `ours, ${kind}`, 'no-op, reads the header'),
    ]),
    notes: [
      'NestJS runs on Fastify. JWTs are signed with RS256. CPU is that of the API alone; the goals compare it.',
      'Hono runs a route with one handler without its chain of middleware, which is what `withToken` uses.',
    ],
  };
}

interface RunningApi {
  readonly worker: Worker;
  readonly url: string;
  readonly header: string;
}

/** Measures the protections in turns. Each has a process of its own, and several of them one after the other. */
async function measure(
  framework: string,
  protections: readonly Protection[],
  { headers, publicPem }: { headers: { jwt: string; opaque: string }; publicPem: string },
): Promise<Samples> {
  const samples: Record<string, Sample[]> = {};
  for (let generation = 0; generation < generations; generation++) {
    const apis: RunningApi[] = [];
    const rivals: Record<string, () => Promise<Sample>> = {};
    for (const protection of protections) {
      const worker = await startWorker('./workers/api.js', [framework, protection, publicPem]);
      const url = `${await worker.get<string>('origin')}/hello`;
      const api = { worker, url, header: protection.endsWith('opaque') ? headers.opaque : headers.jwt };
      await load(api.url, api.header, warmUpSeconds);
      apis.push(api);
      rivals[protection] = () => sampleOf(api);
    }
    const measured = await inRounds(rivals, { rounds, warmUps: 0 });
    for (const protection of protections) {
      samples[protection] = [...(samples[protection] ?? []), ...(measured[protection] ?? [])];
    }
    for (const { worker } of apis) worker.end();
  }
  return samples;
}

async function sampleOf({ worker, url, header }: RunningApi): Promise<Sample> {
  await worker.get('collectGarbage');
  const cpuBefore = await worker.get<number>('cpuMicroseconds');
  const requests = await load(url, header, seconds);
  const cpu = (await worker.get<number>('cpuMicroseconds')) - cpuBefore;
  return { perSecond: requests / seconds, cpuMicroseconds: cpu / requests };
}

function valuesOf(samples: Samples, protection: Protection): { perSecond: number[]; cpu: number[] } {
  const values = samples[protection] ?? [];
  return {
    perSecond: values.map(({ perSecond }) => perSecond),
    cpu: values.map(({ cpuMicroseconds }) => cpuMicroseconds),
  };
}

serve({ report });
