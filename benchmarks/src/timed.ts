const callsPerBatch = 100;

/** Makes the calls with the numbers from `first` up to `last`, except `last` itself. */
export type Calls = (first: number, last: number) => unknown;

/**
 * Makes calls one after the other for some milliseconds, and returns the CPU time of one call in microseconds. The time of other
 * processes does not count.
 *
 * @param cpuUsage measures CPU time; by default that of all threads of this process
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
    await calls(count, count + callsPerBatch);
    count += callsPerBatch;
  }
  const { user, system } = cpuUsage(before);
  return (user + system) / count;
}

/** Returns calls that await each promise. */
export function awaited(call: (number: number) => Promise<unknown>): Calls {
  return async (first, last) => {
    for (let number = first; number < last; number++) await call(number);
  };
}

/** Returns calls of a synchronous function, without the cost of a promise. */
export function synchronous(call: (number: number) => unknown): Calls {
  return (first, last) => {
    for (let number = first; number < last; number++) call(number);
  };
}
