// Fills a cache with some entries, and measures the CPU time of its hits.
import { cachingAuthorizer } from '../caching-authorizer.js';
import { awaited, microsecondsPerCall } from '../timed.js';
import { opaqueToken } from '../tokens.js';
import { serve } from '../worker.js';

const entries = Number(process.argv[2]);
const forMs = Number(process.argv[3]);
const workingSet = 100;
const randomHits = 10_000;

const exp = Math.floor(Date.now() / 1000) + 43_200;
const authorizer = cachingAuthorizer((token) => JSON.stringify({ active: true, sub: token, exp }), {
  maxEntries: entries,
});
const guard = authorizer.guard();
for (let number = 0; number < entries; number++) await guard(`Bearer ${opaqueToken(number)}`);
globalThis.gc?.(); // only once: the sweep of a large heap takes long, and would be measured

const headersOf = (count: number, choose: (index: number) => number) =>
  Array.from({ length: count }, (_, index) => `Bearer ${opaqueToken(choose(index))}`);
const same = headersOf(workingSet, (index) => Math.floor((index * entries) / workingSet));
const random = headersOf(randomHits, () => Math.floor(Math.random() * entries));

/** Of the main thread only: other threads sweep the heap, which is not part of a cache hit. */
const cpuUsage = process.threadCpuUsage ?? process.cpuUsage;

serve({
  'the same tokens': () => measure(same),
  'random tokens': () => measure(random),
});

function measure(headers: readonly string[]): Promise<number> {
  return microsecondsPerCall(
    awaited((number) => guard(headers[number % headers.length])),
    forMs,
    cpuUsage,
  );
}
