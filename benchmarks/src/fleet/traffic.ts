/** A source of random numbers from 0 up to 1 that repeats itself for each seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns numbers below `tokens` in Zipf distribution with exponent 1: token 0 comes twice as often as token 1. */
export function zipf(tokens: number, random: () => number): () => number {
  const sums: number[] = [];
  for (let rank = 1; rank <= tokens; rank++) sums.push((sums.at(-1) ?? 0) + 1 / rank);
  const total = sums.at(-1) ?? 0;
  return () => {
    const place = random() * total;
    let [low, high] = [0, tokens - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) > place) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** The look-ups of a fleet, and which of them one of its processes makes. */
export interface Traffic {
  readonly seed: number;
  readonly tokens: number;
  /** The number of the first token. */
  readonly firstToken: number;
  /** The look-ups of all processes together. */
  readonly lookUps: number;
  readonly processes: number;
}

/** Returns the tokens that one process looks up: each nth of the same sequence, as a load balancer would deal them. */
export function dealt({ seed, tokens, firstToken, lookUps, processes }: Traffic, process: number): number[] {
  const next = zipf(tokens, seededRandom(seed));
  const own: number[] = [];
  for (let index = 0; index < lookUps; index++) {
    const token = firstToken + next();
    if (index % processes === process) own.push(token);
  }
  return own;
}
