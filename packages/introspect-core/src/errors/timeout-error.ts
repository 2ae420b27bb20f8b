import { UnavailableError } from './errors.js';

/** Returns the error for a server that did not respond within the time of an option. */
export function timeoutError({
  origin,
  timeoutMs,
  option = 'timeoutMs',
}: {
  origin: string;
  timeoutMs: number;
  option?: string;
}): UnavailableError {
  return new UnavailableError(`${origin} did not respond within ${timeoutMs} ms ("${option}")`);
}
