import type { Report } from '../report.js';
import type { Worker } from '../worker.js';
import { type Bench, newTokens } from './bench.js';
import { fleetResponse, foundCanaries } from './canaries.js';
import { withFleet } from './fleet.js';

const canaries = 20;
const patterns = [
  'first look-up in the fleet',
  'first look-up in another process',
  'look-up after "localMaxAgeSeconds"',
  'hit in memory',
] as const;

/** Measures what is in Redis, with and without `storeSecret`, and how many commands look-ups send. */
export async function measureContents(bench: Bench): Promise<Report> {
  const plain = await contentsOf(bench, undefined);
  const sealed = await contentsOf(bench, bench.storeSecret);
  const row = (name: string, of: (contents: Contents) => string) => [name, of(plain), of(sealed)];
  return {
    title: 'What is in Redis',
    columns: ['', 'without "storeSecret"', 'with "storeSecret"'],
    rows: [
      row(`of ${canaries} tokens: how many have claims in a dump of Redis`, ({ found }) => String(found)),
      row('bytes of an entry (MEMORY USAGE)', ({ bytes }) => bytes.toFixed(0)),
      row('bytes of the record of an `invalidate` (tombstone)', ({ tombstoneBytes }) => tombstoneBytes.toFixed(0)),
      ...patterns.map((name) => row(`commands: ${name}`, ({ commands }) => (commands[name] ?? Number.NaN).toFixed(2))),
      row('commands: an invalidation, by its process', ({ invalidationCommands }) => invalidationCommands.toFixed(2)),
      row('commands: after an invalidation, next look-up of a token', ({ rereadCommands }) =>
        rereadCommands.toFixed(2),
      ),
    ],
    goals: [
      {
        goal: 'with "storeSecret": tokens whose claims are in a dump of Redis, plain or encoded = 0',
        measured: `${sealed.found} of ${canaries}`,
        isReached: sealed.found === 0 && plain.found === canaries,
      },
    ],
    notes: [
      'A token counts if a key or a value contains the token, or the name, e-mail address or subject of its user. JSON, hex and base64 are ' +
        `decoded first, up to two levels deep. Without a secret, all ${canaries} tokens must count: this tests the search. ` +
        `A response has ${plain.responseBytes} bytes.`,
    ],
  };
}

interface Contents {
  readonly found: number;
  readonly bytes: number;
  readonly tombstoneBytes: number;
  readonly responseBytes: number;
  readonly commands: Readonly<Partial<Record<(typeof patterns)[number], number>>>;
  readonly invalidationCommands: number;
  readonly rereadCommands: number;
}

async function contentsOf(bench: Bench, storeSecret: string | undefined): Promise<Contents> {
  const { endpoint, redis, isQuick } = bench;
  await redis.command('FLUSHALL');
  const count = isQuick ? 50 : 300;
  const first = newTokens(count);
  const settings = { endpoint, redisUrl: redis.url, ...(storeSecret !== undefined && { storeSecret }) };
  return withFleet(2, settings, async ([writer, reader]) => {
    const each = (process: Worker | undefined) => process?.get('each', first, count, 1);
    const perLookUp = async (work: () => Promise<unknown> | undefined) =>
      (await commandsDuring(redis, async () => work())) / count;
    const commands = {
      'first look-up in the fleet': await perLookUp(() => each(writer)),
      'first look-up in another process': await perLookUp(() => each(reader)),
      'look-up after "localMaxAgeSeconds"': await withFleet(
        1,
        { ...settings, localMaxAgeSeconds: 0 },
        async ([late]) => {
          await each(late);
          return perLookUp(() => each(late));
        },
      ),
      'hit in memory': await perLookUp(() => each(reader)),
    };
    const sizes = await sizesOf(redis);
    const invalidationCommands = await commandsDuring(redis, async () => writer?.get('invalidate', first));
    const rereadCommands = await perLookUp(() => reader?.get('each', first + 1, count - 1, 1));
    const numbers = Array.from({ length: canaries }, (_, index) => first + 1 + index);
    await writer?.get('invalidateSubject', first + canaries);
    const dump = await dumpOf(redis);
    const tombstones = Object.entries(await sizesOf(redis)).filter(([key]) => !(key in sizes));
    return {
      found: foundCanaries(numbers, dump),
      bytes: mean(Object.values(sizes)),
      tombstoneBytes: mean(tombstones.map(([, bytes]) => bytes)),
      responseBytes: fleetResponse(first).length,
      commands,
      invalidationCommands,
      rereadCommands,
    };
  });
}

/** Returns how many commands about keys Redis gets during some work. */
async function commandsDuring({ command }: Bench['redis'], work: () => Promise<unknown>): Promise<number> {
  await command('CONFIG', 'RESETSTAT');
  await work();
  const counts = String(await command('INFO', 'commandstats')).matchAll(/^cmdstat_([\w|-]+):calls=(\d+)/gm);
  const isOfTheBench = (name = '') => /^(config|info|client|hello|command|ping|select|auth)\b/.test(name);
  return [...counts].reduce((sum, [, name, calls]) => (isOfTheBench(name) ? sum : sum + Number(calls)), 0);
}

/** Returns the bytes of each key with its value. */
async function sizesOf({ command }: Bench['redis']): Promise<Record<string, number>> {
  const script = `
    local all = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
      table.insert(all, key)
      table.insert(all, redis.call('MEMORY', 'USAGE', key))
    end
    return all`;
  const flat = (await command('EVAL', script, '0')) as (string | number)[];
  return Object.fromEntries(
    flat.flatMap((key, index) =>
      index % 2 === 0 && !String(key).includes('probe:') ? [[key, Number(flat[index + 1])]] : [],
    ),
  );
}

/** Returns all keys and values. A value that is not a string comes as Redis serializes it. */
async function dumpOf({ command }: Bench['redis']): Promise<string[]> {
  const script = `
    local all = {}
    for _, key in ipairs(redis.call('KEYS', '*')) do
      local isString = redis.call('TYPE', key).ok == 'string'
      table.insert(all, key .. ' ' .. redis.call(isString and 'GET' or 'DUMP', key))
    end
    return all`;
  return (await command('EVAL', script, '0')) as string[];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
