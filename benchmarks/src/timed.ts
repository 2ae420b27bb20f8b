const callsBetweenLooks = 100;

/** Runs the calls with the numbers from the first up to the last, without that one. */
export type Calls = (first: number, last: number) => unknown;

/**
 * Microseconds of the processor that a call takes, one after the other for so many milliseconds. What other processes had
 * meanwhile is not in it.
 *
 * @param cpuUsage of this process with all its threads, unless given
 */
export async function microsecondsPerCall(
  calls: Calls,
  forMs: number,
  cpuUsage: (before?: NodeJS.CpuUsage) => NodeJS.CpuUsage = process.cpuUsage,
): Promise<number> {
  const startedAt = performance.now();
  const before = cpuUsage();
  let count = 0;
  while (performance.now() - startedAt < forMs) {
    await calls(count, count + callsBetweenLooks);
    count += callsBetweenLooks;
  }
  const { user, system } = cpuUsage(before);
  return (user + system) / count;
}

export function awaited(call: (number: number) => Promise<unknown>): Calls {
  return async (first, last) => {
    for (let number = first; number < last; number++) await call(number);
  };
}

/** For what is not asynchronous: it need not pay for a promise. */
export function synchronous(call: (number: number) => unknown): Calls {
  return (first, last) => {
    for (let number = first; number < last; number++) call(number);
  };
}
