import { readFileSync } from 'node:fs';

/** Returns the test vectors of one file. */
export function vectors<Vector>(file: string): Vector[] {
  const { vectors } = JSON.parse(readFileSync(new URL(`../vectors/${file}.json`, import.meta.url), 'utf8'));
  return vectors;
}
