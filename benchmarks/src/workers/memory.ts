// Stores some responses in one of several ways, and measures the memory.
import { cachingAuthorizer } from '../caching-authorizer.js';
import { opaqueToken } from '../tokens.js';
import { serve } from '../worker.js';
import { zitadelResponse } from '../zitadel-response.js';

const count = Number(process.argv[3]);
const numbers = Array.from({ length: count }, (_, number) => number);

const holders: Record<string, () => unknown> = {
  parsed: () => numbers.map((number): unknown => JSON.parse(zitadelResponse(number))),
  map: () =>
    new Map(numbers.map((number): [string, unknown] => [opaqueToken(number), JSON.parse(zitadelResponse(number))])),
  ours: async () => {
    const authorizer = cachingAuthorizer((token) => zitadelResponse(Number.parseInt(token, 10)), { maxEntries: count });
    const guard = authorizer.guard();
    for (const number of numbers) await guard(`Bearer ${opaqueToken(number)}`);
    const { active } = authorizer.stats().entries;
    if (active !== count) throw new Error(`only ${active} responses are cached`);
    return authorizer;
  },
};

let held: unknown;

function bytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

serve({
  bytes: async () => {
    const before = bytes();
    held = await holders[process.argv[2] ?? '']?.();
    const after = bytes();
    if (held === undefined) throw new TypeError('unknown holder');
    return after - before;
  },
});
