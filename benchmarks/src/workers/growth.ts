// A cache with so many entries, and how long its hits take.
import { keepingAuthorizer } from '../caching-authorizer.js';
import { awaited, microsecondsPerCall } from '../timed.js';
import { opaqueToken } from '../tokens.js';
import { answer } from '../worker.js';

const entries = Number(process.argv[2]);
const forMs = Number(process.argv[3]);
const workingSet = 100;
const randomHits = 10_000;

const exp = Math.floor(Date.now() / 1000) + 43_200;
const authorizer = keepingAuthorizer((token) => JSON.stringify({ active: true, sub: token, exp }), entries);
const guard = authorizer.guard();
for (let number = 0; number < entries; number++) await guard(`Bearer ${opaqueToken(number)}`);
globalThis.gc?.(); // once: after it a large heap is swept for so long that it would be measured

const headers = (count: number, choose: (index: number) => number) =>
  Array.from({ length: count }, (_, index) => `Bearer ${opaqueToken(choose(index))}`);
const same = headers(workingSet, (index) => Math.floor((index * entries) / workingSet));
const random = headers(randomHits, () => Math.floor(Math.random() * entries));

/** Of the thread that answers: others sweep a large heap for long, and that is not a hit's. */
const cpuUsage = process.threadCpuUsage ?? process.cpuUsage;

answer({
  'the same tokens': () => measure(same),
  'random tokens': () => measure(random),
});

function measure(given: readonly string[]): Promise<number> {
  return microsecondsPerCall(
    awaited((number) => guard(given[number % given.length])),
    forMs,
    cpuUsage,
  );
}
