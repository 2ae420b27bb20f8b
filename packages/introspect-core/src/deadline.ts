import { UnavailableError } from './errors.js';

/**
 * Runs `work` under one deadline, joined with the caller's own signal.
 *
 * Rejects with `late()` when the time is over, or with the caller's `signal.reason`: at once, and whether or not `work`
 * heeds the signal that it is given. Leaves no timer and no listener behind.
 */
export async function withDeadline<T>(
  { timeoutMs, late, signal: callers }: { timeoutMs: number; late: () => Error; signal?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  callers?.throwIfAborted();
  const controller = new AbortController();
  const follow = () => controller.abort(callers?.reason);
  callers?.addEventListener('abort', follow);
  const timer = setTimeout(() => controller.abort(late()), timeoutMs);
  try {
    return await Promise.race([aborted(controller.signal), work(controller.signal)]);
  } finally {
    clearTimeout(timer);
    callers?.removeEventListener('abort', follow);
  }
}

/** The server did not answer in time, as an option says. */
export function lateAnswer({
  origin,
  timeoutMs,
  option = 'timeoutMs',
}: {
  origin: string;
  timeoutMs: number;
  option?: string;
}): UnavailableError {
  return new UnavailableError(`${origin} gave no answer within ${timeoutMs} ms ("${option}")`);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
