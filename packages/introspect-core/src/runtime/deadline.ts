import { onAbort } from './on-abort.js';

/**
 * Runs `work` with a time limit and a signal.
 *
 * Rejects immediately with `late()` when the time is over, or with `signal.reason`, even if `work` ignores the
 * signal that it gets. Removes its timer and its listener.
 */
export function withDeadline<T>(
  { timeoutMs, late, signal: callerSignal }: { timeoutMs: number; late: () => Error; signal?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    callerSignal?.throwIfAborted();
    const controller = new AbortController();
    const end = () => {
      clearTimeout(timer);
      stop?.();
    };
    const fail = (reason: unknown) => {
      end();
      reject(reason);
      controller.abort(reason);
    };
    const timer = setTimeout(() => fail(late()), timeoutMs);
    const stop = callerSignal && onAbort(callerSignal, () => fail(callerSignal.reason));
    work(controller.signal).then(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}
