import { onAbort } from './on-abort.js';

/** Returns the result of a promise, or rejects with `signal.reason` once the signal is aborted. Removes its listener. */
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
