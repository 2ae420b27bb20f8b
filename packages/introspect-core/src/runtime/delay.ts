import { onAbort } from './on-abort.js';

/** Waits; rejects with `signal.reason` as soon as it is aborted. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = signal && onAbort(signal, leave);
    const timer = setTimeout(() => {
      stop?.();
      resolve();
    }, ms);
    function leave() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
  });
}
