import { readFileSync } from 'node:fs';

/** The vectors of one file, as they stand. */
export function vectors<Vector>(file: string): Vector[] {
  const { vectors } = JSON.parse(readFileSync(new URL(`../vectors/${file}.json`, import.meta.url), 'utf8'));
  return vectors;
}
