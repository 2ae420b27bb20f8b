import { UnavailableError } from './errors.js';

/** The server did not answer in time, as an option says. */
export function timeoutError({
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
