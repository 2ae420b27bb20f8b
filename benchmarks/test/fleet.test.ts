import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { roundsWithin } from '../src/fleet/bench.js';
import { canaryOf, fleetResponse, foundCanaries, subjectOf } from '../src/fleet/canaries.js';
import { pictureOf } from '../src/fleet/picture.js';
import { startSlowProxy } from '../src/fleet/slow-proxy.js';
import { dealt, seededRandom, zipf } from '../src/fleet/traffic.js';
import { opaqueToken } from '../src/tokens.js';

describe('the traffic of a fleet', () => {
  it('is in Zipf distribution: the first token comes twice as often as the second one, and all come', () => {
    const counts = new Map<number, number>();
    const next = zipf(10, seededRandom(1));
    for (let draw = 0; draw < 100_000; draw++) {
      const number = next();
      counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect((counts.get(0) ?? 0) / (counts.get(1) ?? 0)).toBeCloseTo(2, 1);
    expect((counts.get(0) ?? 0) / (counts.get(9) ?? 0)).toBeGreaterThan(9);
  });

  it('is the same for one process and for all processes of a fleet together', () => {
    const traffic = { seed: 1, tokens: 50, firstToken: 1000, lookUps: 1001 };
    const alone = dealt({ ...traffic, processes: 1 }, 0);
    const together = [0, 1, 2, 3].flatMap((process) => dealt({ ...traffic, processes: 4 }, process));
    expect(alone).toHaveLength(1001);
    expect(together.sort()).toEqual(alone.sort());
    expect(Math.min(...alone)).toBe(1000);
  });
});

describe('the search for canaries', () => {
  const encodings: Record<string, (text: string) => string> = {
    'as it is': (text) => text,
    'as JSON in JSON': (text) => JSON.stringify({ value: JSON.stringify({ name: `"${text}"` }) }),
    'in base64': (text) => Buffer.from(`name: ${text}`).toString('base64'),
    'in base64url behind other letters': (text) => `sealed1 123 xy${Buffer.from(text).toString('base64url')}`,
    'in hex': (text) => Buffer.from(text).toString('hex'),
    'in base64 of hex': (text) => Buffer.from(Buffer.from(text).toString('hex')).toString('base64'),
  };

  it.each(Object.entries(encodings))('finds the name, the subject and the token %s', (_, encode) => {
    for (const canary of [canaryOf(1), subjectOf(1), opaqueToken(1)]) {
      expect(foundCanaries([1, 2], [`key ${encode(canary)}`])).toBe(1);
    }
  });

  it('finds a response, and nothing in other texts', () => {
    expect(foundCanaries([1, 2, 3], [fleetResponse(2), fleetResponse(3)])).toBe(2);
    expect(foundCanaries([1, 2, 3], ['sealed1 1750000000000 Zm9vYmFyYmF6cXV4Zm9vYmFy', ''])).toBe(0);
  });
});

it('rounds end with their number, or after the seconds, but there is one at least', () => {
  expect([...roundsWithin(600, 3)]).toEqual([0, 1, 2]);
  expect([...roundsWithin(0, 3)]).toEqual([0]);
});

it('the slow proxy passes bytes in both directions, and delays them from when it is set', async () => {
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  onTestFinished(() => void echo.close());
  const proxy = await startSlowProxy((echo.address() as { port: number }).port);
  onTestFinished(() => proxy.close());
  const client = createConnection(proxy.port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  const tripMs = async (text: string) => {
    const startedAt = performance.now();
    client.write(text);
    const [bytes] = await once(client, 'data');
    expect(String(bytes)).toBe(text);
    return performance.now() - startedAt;
  };
  await tripMs('first');
  proxy.delayBy(30);
  expect(await tripMs('second')).toBeGreaterThan(55);
});

it('the picture has a bar for each number, and says the numbers in its label', () => {
  const svg = pictureOf([
    { processes: 1, alone: 100, withRedis: 101 },
    { processes: 8, alone: 800, withRedis: 103 },
  ]);
  expect(svg.match(/<rect/g)).toHaveLength(4 + 2);
  expect(svg).toContain(
    'aria-label="Introspection requests by number of processes. 1: 100 without Redis, 101 with Redis;',
  );
  expect(svg).toContain('>800</text>');
});
