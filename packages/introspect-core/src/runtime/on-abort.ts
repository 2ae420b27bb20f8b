const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `listener` when the signal is aborted, and returns a function that removes it.
 *
 * All listeners of one signal share one event listener, because Node warns when a signal has more than ten. One signal
 * may end any number of requests. For a signal that is already aborted, `listener` is not called.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const known = listenersOf.get(signal);
  const listeners = known ?? new Set();
  if (known === undefined) {
    listenersOf.set(signal, listeners);
    signal.addEventListener('abort', callAll);
  }
  const own = () => listener(); // a new function for each call, because the same listener may be added twice
  listeners.add(own);
  return () => {
    if (!listeners.delete(own) || listeners.size > 0) return;
    if (listenersOf.get(signal) === listeners) listenersOf.delete(signal);
    signal.removeEventListener('abort', callAll);
  };
}

function callAll(this: AbortSignal): void {
  const listeners = listenersOf.get(this);
  listenersOf.delete(this);
  for (const listener of listeners ?? []) listener();
}
