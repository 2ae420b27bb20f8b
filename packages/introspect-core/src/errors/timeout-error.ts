import { UnavailableError } from './errors.js';

/** Returns the error for a server that did not respond in time. The message names the option with the time limit. */
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
