/**
 * Returns whether a value is a promise where the result must not be one. Its own rejection is handled then, because
 * Node ends the process otherwise.
 *
 * Does not use `instanceof`: the promise may come from a library, or the application may have replaced the global
 * `Promise`.
 */
export function isPromise(value: unknown): boolean {
  if (typeof Object(value).then !== 'function') return false;
  Promise.resolve(value).catch(() => {});
  return true;
}
