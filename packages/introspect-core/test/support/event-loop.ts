const { setImmediate } = globalThis;

/** Lets the event loop turn `count` times, so that everything runs that waits only for promises. */
export async function eventLoopTurns(count = 1): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets the event loop turn until the condition is true. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await eventLoopTurns();
}
