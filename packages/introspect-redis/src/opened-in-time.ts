const openWithinMs = 5000;

/** Resolves like the promise. If a connection takes longer than 5 s, calls `destroy` and rejects. */
export async function openedInTime<Value>(work: Promise<Value>, destroy: () => void): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      destroy();
      reject(new Error(`Redis did not accept a connection within ${openWithinMs} ms`));
    }, openWithinMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
