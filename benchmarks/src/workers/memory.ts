// Holds so many answers in one way or another, and tells what that takes.
import { keepingAuthorizer } from '../caching-authorizer.js';
import { opaqueToken } from '../tokens.js';
import { answer } from '../worker.js';
import { zitadelAnswer } from '../zitadel-response.js';

const count = Number(process.argv[3]);
const numbers = Array.from({ length: count }, (_, number) => number);

const holders: Record<string, () => unknown> = {
  parsed: () => numbers.map((number): unknown => JSON.parse(zitadelAnswer(number))),
  map: () =>
    new Map(numbers.map((number): [string, unknown] => [opaqueToken(number), JSON.parse(zitadelAnswer(number))])),
  ours: async () => {
    const authorizer = keepingAuthorizer((token) => zitadelAnswer(Number.parseInt(token, 10)), count);
    const guard = authorizer.guard();
    for (const number of numbers) await guard(`Bearer ${opaqueToken(number)}`);
    const { active } = authorizer.stats().entries;
    if (active !== count) throw new Error(`only ${active} answers are kept`);
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

answer({
  bytes: async () => {
    const before = bytes();
    held = await holders[process.argv[2] ?? '']?.();
    const after = bytes();
    if (held === undefined) throw new TypeError('there is no such holder');
    return after - before;
  },
});
