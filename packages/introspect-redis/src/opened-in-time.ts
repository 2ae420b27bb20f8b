const connectWithinMs = 5000;

/**
 * Resolves like the promise. If it takes longer than 5 s, or the given time, calls `destroy` and rejects.
 *
 * It keeps the process alive until then.
 */
export async function openedInTime<Value>(
  work: Promise<Value>,
  destroy: () => void,
  withinMs = connectWithinMs,
): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      destroy();
      reject(new Error(`Redis did not accept a connection within ${withinMs} ms`));
    }, withinMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
