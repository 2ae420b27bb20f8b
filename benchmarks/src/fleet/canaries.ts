import { createHash } from 'node:crypto';
import { opaqueToken } from '../tokens.js';
import { zitadelResponse } from '../zitadel-response.js';

/** Returns the name of a token's user, which nothing else contains. */
export function canaryOf(number: number): string {
  return `canary-${createHash('sha256').update(`canary ${number}`).digest('hex').slice(0, 24)}`;
}

/** Returns the response about a token of the fleet: that of ZITADEL, with a name that nothing else contains. */
export function fleetResponse(number: number): string {
  const canary = canaryOf(number);
  return JSON.stringify({ ...JSON.parse(zitadelResponse(number)), name: canary, email: `${canary}@shop.example` });
}

/** Returns the subject of a token of the fleet. */
export function subjectOf(number: number): string {
  return String(265_123_456_789_000_000n + BigInt(number));
}

/** Returns how many of these tokens can be found in texts, by their canary, their subject or themselves. */
export function foundCanaries(numbers: readonly number[], texts: readonly string[]): number {
  const readable = texts.flatMap((text) => [...readings(text, 2)]).join('\n');
  return numbers.filter((number) =>
    [canaryOf(number), subjectOf(number), opaqueToken(number)].some((canary) => readable.includes(canary)),
  ).length;
}

/** Returns a text, and what it or a part of it is after decoding JSON, hex and base64, up to some levels deep. */
function* readings(text: string, levels: number): Generator<string> {
  yield text;
  if (levels === 0) return;
  for (const decoded of decodings(text)) yield* readings(decoded, levels - 1);
}

function* decodings(text: string): Generator<string> {
  for (const [quoted] of text.matchAll(/"(?:[^"\\]|\\.)*\\(?:[^"\\]|\\.)*"/g)) {
    try {
      yield String(JSON.parse(quoted));
    } catch {}
  }
  for (const [run] of text.matchAll(/[0-9a-f]{16,}/gi)) {
    for (const offset of [0, 1]) yield Buffer.from(run.slice(offset), 'hex').toString('latin1');
  }
  // Base64 may begin anywhere in a run of its letters.
  for (const [run] of text.matchAll(/[\w+/-]{16,}/g)) {
    for (const offset of [0, 1, 2, 3]) yield Buffer.from(run.slice(offset), 'base64url').toString('latin1');
  }
}
