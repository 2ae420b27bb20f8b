/** One measurement of a rival; the first ones only warm it up. */
export type Rival<Sample> = () => Sample | Promise<Sample>;

/**
 * Measures rivals in turns. No two rounds in a row have the same order, and every second one goes the other way round: whoever
 * always runs first, or always after the same neighbour, would be measured with what that one leaves behind.
 *
 * Garbage is collected before each turn, so that nobody pays for another's.
 */
export async function inRounds<Name extends string, Sample>(
  rivals: Readonly<Record<Name, Rival<Sample>>>,
  { rounds, warmUps }: { rounds: number; warmUps: number },
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(rivals) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>;
  for (let round = -warmUps; round < rounds; round++) {
    for (const name of inOrder(names, round + warmUps)) {
      globalThis.gc?.();
      const sample = await rivals[name]();
      if (round >= 0) samples[name].push(sample);
    }
  }
  return samples;
}

/** Another one leads in each round, and every second round goes the other way from there. */
export function inOrder<T>(items: readonly T[], round: number): T[] {
  const first = round % items.length;
  const turned = [...items.slice(first), ...items.slice(0, first)];
  return round % 2 === 0 ? turned : [...turned.slice(0, 1), ...turned.slice(1).reverse()];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new TypeError('there is no median of nothing');
  return (lower + upper) / 2;
}

/** The median of what each round says: what slows a whole round down, slows both. */
export function medianRatio(values: readonly number[], bases: readonly number[]): number {
  if (values.length !== bases.length) throw new TypeError('both must have been measured in each round');
  return median(values.map((value, round) => value / (bases[round] ?? Number.NaN)));
}
