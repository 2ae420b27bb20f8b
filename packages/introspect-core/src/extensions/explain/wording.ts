/** Turns values of a token, which anybody may have made, into words that are safe to print. */

/** ECMA-262 §21.4.1.1. */
const maxDateSeconds = 8.64e12;
const units = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** Returns a value as JSON, on one line, without control characters of a terminal, and at most 200 characters long. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** Returns a time relative to now, such as "3 min ago". A time beyond the range of a date gets no number. */
export function relativeTime(seconds: number): string {
  if (Math.abs(seconds) > maxDateSeconds) return seconds < 0 ? 'long ago' : 'far in the future';
  const [unit, size] = units.find(([, each]) => Math.abs(seconds) >= each) ?? ['second', 1];
  return new Intl.RelativeTimeFormat('en', { style: 'short' })
    .format(Math.trunc(seconds / size), unit)
    .replace('.', '');
}

/** Returns a time of a token as an ISO date, or as a number of seconds if it is beyond the range of a date. */
export function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString();
}
