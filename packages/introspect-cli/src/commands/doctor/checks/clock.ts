import { type Check, checked, type Finding, skipped } from '../finding.js';
import type { AuthenticationMethod } from '../outcome.js';
import type { RawResponse } from '../raw-response.js';

/** What a `Date` in whole seconds and a moment on the way can hide. */
const noticedSeconds = 2;
/** By as much the SDK lets `nbf` be ahead. */
const toleratedSeconds = 30;
/** An assertion is backdated by 5 s, and ZITADEL takes one from at most 1 s in its future. */
const assertionSeconds = 6;

/** How far this machine's clock is from the server's, by the `Date` of an answer (RFC 9110 §6.6.1). */
export function checkClock(answer: RawResponse, method: AuthenticationMethod): Check {
  const ahead = secondsAhead(answer);
  if (ahead === undefined) return skipped('clock', 'the answer has no date');
  if (Math.abs(ahead) < noticedSeconds) return checked('clock', `agrees with the server's to ${noticedSeconds} s`);
  return checked('clock', described(ahead), [skew(ahead, method)]);
}

/** Seconds by which this clock is ahead of the server's; negative when it is behind. */
export function secondsAhead({ date, age, sentAt, tookMs }: RawResponse): number | undefined {
  const written = Date.parse(date ?? '');
  if (Number.isNaN(written)) return undefined;
  const keptMs = /^\d{1,9}$/.test(age ?? '') ? Number(age) * 1000 : 0; // from a cache in between (RFC 9111 §5.1)
  const theirs = written + keptMs + 500; // a date is cut to its second
  return (sentAt + tookMs / 2 - theirs) / 1000;
}

function skew(ahead: number, method: AuthenticationMethod): Finding {
  const isBroken = Math.abs(ahead) > toleratedSeconds || (method === 'private_key_jwt' && ahead > assertionSeconds);
  return {
    code: ahead > 0 ? 'clock_ahead' : 'clock_behind',
    severity: isBroken ? 'fault' : 'warning',
    seen: `This machine's clock is ${described(ahead)}`,
    cause: ahead > 0 ? effectAhead(method) : effectBehind,
    fix: 'Set the clock of this machine by NTP; when it is right, that of the server.',
  };
}

function effectAhead(method: AuthenticationMethod): string {
  const always = 'Tokens count as expired too early by as much';
  return method === 'private_key_jwt'
    ? `${always}, and from ${assertionSeconds} s on the server refuses assertions.`
    : `${always}.`;
}

const effectBehind = `Expired tokens are served for longer by as much, and from ${toleratedSeconds} s on new tokens count as not yet valid.`;

function described(ahead: number): string {
  return `${Math.round(Math.abs(ahead))} s ${ahead > 0 ? 'ahead' : 'behind'}`;
}
