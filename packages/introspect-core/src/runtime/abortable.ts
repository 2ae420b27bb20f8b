import { onAbort } from './on-abort.js';

/** A promise, or `signal.reason` as soon as that is aborted. Leaves no listener behind. */
export async function abortable<Value>(result: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return result;
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else stop = onAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([aborted, result]);
  } finally {
    stop();
  }
}
