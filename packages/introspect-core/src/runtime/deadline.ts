import { onAbort } from './on-abort.js';

/**
 * Runs `work` under one deadline, joined with the caller's own signal.
 *
 * Rejects with `late()` when the time is over, or with the caller's `signal.reason`: at once, and whether or not `work`
 * heeds the signal that it is given. Leaves no timer and no listener behind.
 */
export function withDeadline<T>(
  { timeoutMs, late, signal: callers }: { timeoutMs: number; late: () => Error; signal?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    callers?.throwIfAborted();
    const controller = new AbortController();
    const end = () => {
      clearTimeout(timer);
      stop?.();
    };
    const leave = (reason: unknown) => {
      end();
      reject(reason);
      controller.abort(reason);
    };
    const timer = setTimeout(() => leave(late()), timeoutMs);
    const stop = callers && onAbort(callers, () => leave(callers.reason));
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
