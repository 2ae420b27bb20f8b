import { type Check, checked, type Finding, skipped } from '../finding.js';
import type { AuthenticationMethod } from '../outcome.js';
import type { RawResponse } from '../raw-response.js';

/** A smaller difference can come from a `Date` in whole seconds and from the time on the network. */
const noticedSeconds = 2;
/** How far the SDK lets `nbf` be in the future. */
const toleratedSeconds = 30;
/** An assertion is backdated by 5 s, and ZITADEL accepts one from at most 1 s in its future. */
const assertionSeconds = 6;

/** Compares this machine's clock with the server's, using the `Date` of a response (RFC 9110 §6.6.1). */
export function checkClock(response: RawResponse, method: AuthenticationMethod): Check {
  const ahead = secondsAhead(response);
  if (ahead === undefined) return skipped('clock', 'the response has no date');
  if (Math.abs(ahead) < noticedSeconds)
    return checked('clock', `differs from the server's by less than ${noticedSeconds} s`);
  return checked('clock', described(ahead), [skew(ahead, method)]);
}

/** Returns by how many seconds this clock is ahead of the server's. Negative if it is behind. */
export function secondsAhead({ date, age, sentAt, tookMs }: RawResponse): number | undefined {
  const dateMs = Date.parse(date ?? '');
  if (Number.isNaN(dateMs)) return undefined;
  const cachedMs = /^\d{1,9}$/.test(age ?? '') ? Number(age) * 1000 : 0; // by a cache before the server (RFC 9111 §5.1)
  const serverMs = dateMs + cachedMs + 500; // a date has whole seconds: add half of one
  return (sentAt + tookMs / 2 - serverMs) / 1000;
}

function skew(ahead: number, method: AuthenticationMethod): Finding {
  const isBroken = Math.abs(ahead) > toleratedSeconds || (method === 'private_key_jwt' && ahead > assertionSeconds);
  return {
    code: ahead > 0 ? 'clock_ahead' : 'clock_behind',
    severity: isBroken ? 'error' : 'warning',
    seen: `This machine's clock is ${described(ahead)}`,
    cause: ahead > 0 ? effectAhead(method) : effectBehind,
    fix: 'Set the clock of this machine by NTP. If it is right, set the clock of the server.',
  };
}

function effectAhead(method: AuthenticationMethod): string {
  const always = 'Tokens count as expired too early by that time';
  return method === 'private_key_jwt'
    ? `${always}, and from ${assertionSeconds} s on the server rejects assertions.`
    : `${always}.`;
}

const effectBehind = `Expired tokens are accepted for that much longer, and from ${toleratedSeconds} s on new tokens count as not yet valid.`;

function described(ahead: number): string {
  return `${Math.round(Math.abs(ahead))} s ${ahead > 0 ? 'ahead' : 'behind'}`;
}
