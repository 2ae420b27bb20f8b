/** Measures one library once. */
export type Rival<Sample> = () => Sample | Promise<Sample>;

/**
 * Measures libraries in turns. The first rounds only warm them up.
 *
 * Each round has another order than the one before. In a fixed order, a library would always be measured with the garbage and
 * the caches that its neighbour leaves behind. Garbage is collected before each measurement.
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

/** Returns the items in the order of a round: each round begins with the next item, and every second one is reversed. */
export function inOrder<T>(items: readonly T[], round: number): T[] {
  const first = round % items.length;
  const turned = [...items.slice(first), ...items.slice(0, first)];
  return round % 2 === 0 ? turned : [...turned.slice(0, 1), ...turned.slice(1).reverse()];
}

/** What several samples say. */
export interface Statistics {
  readonly median: number;
  readonly minimum: number;
  /** The distance between the first and the third quartile: half of all samples lie in it. */
  readonly spread: number;
}

export function statistics(values: readonly number[]): Statistics {
  return {
    median: median(values),
    minimum: Math.min(...values),
    spread: quantile(values, 0.75) - quantile(values, 0.25),
  };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Returns the value below which this share of the values lies, interpolated between two of them. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const lower = sorted[Math.floor(place)];
  const upper = sorted[Math.ceil(place)];
  if (upper === undefined || lower === undefined) throw new TypeError('an empty list has no median');
  return lower + (upper - lower) * (place - Math.floor(place));
}

/** Returns the ratio of each round. What slows down a whole round changes no ratio. */
export function ratios(values: readonly number[], bases: readonly number[]): number[] {
  if (values.length !== bases.length) throw new TypeError('both lists must have one value for each round');
  return values.map((value, round) => value / (bases[round] ?? Number.NaN));
}
