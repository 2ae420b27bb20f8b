import type { Clock } from '../../../clock.js';
import { type Check, checked, type Finding, skipped } from '../finding.js';
import { introspectRaw, type Target } from './credentials.js';

const requests = 10;
const slowMedianMs = 500;
/** The limit for all requests together, so that the check itself puts little load on the server. */
const limitMs = 15_000;

/** Measures ten introspection requests, one after the other on one connection, as an API would send them. */
export async function checkLatency(target: Target, clock: Clock): Promise<Check> {
  const times: number[] = [];
  const startedAt = clock.now();
  for (let sent = 0; sent < requests && clock.now() - startedAt < limitMs; sent++) {
    const sentAt = clock.now();
    const response = await introspectRaw(target);
    if (response?.status !== 200) {
      return checked('latency', `request ${sent + 1} of ${requests} failed`, [unsteady]);
    }
    times.push(clock.now() - sentAt);
  }
  if (times.length === 0) return skipped('latency', 'no request was sent');
  const { median, worst } = summary(times);
  const detail = `median ${median} ms, worst ${worst} ms, of ${times.length} introspection requests`;
  return checked('latency', detail, latencyFindings({ median, worst }, target.timeoutMs));
}

/** Returns the median and the longest time, in whole milliseconds. */
export function summary(times: readonly number[]): { median: number; worst: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const [low = 0, high = 0] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return { median: Math.round((low + high) / 2), worst: Math.round(sorted.at(-1) ?? 0) };
}

export function latencyFindings({ median, worst }: { median: number; worst: number }, timeoutMs: number): Finding[] {
  const findings: Finding[] = [];
  if (median > slowMedianMs) findings.push(slow(median));
  if (worst > timeoutMs / 2) findings.push(nearTimeout(worst, timeoutMs));
  return findings;
}

const slow = (median: number): Finding => ({
  code: 'latency_slow',
  severity: 'warning',
  seen: `Half of the requests take longer than ${median} ms`,
  cause: 'The server is far away or busy, or connections are closed after each request.',
  fix: "Run the API in the server's region, let proxies keep connections alive, and use the option cache.",
});

const nearTimeout = (worst: number, timeoutMs: number): Finding => ({
  code: 'latency_near_timeout',
  severity: 'warning',
  seen: `One request took ${worst} ms, and the time limit is ${timeoutMs} ms`,
  cause: 'The server is sometimes slow: it is overloaded, or it was starting.',
  fix: 'Check the load of the server and its database. A higher timeoutMs only makes callers of your API wait longer.',
});

const unsteady: Finding = {
  code: 'latency_unsteady',
  severity: 'warning',
  seen: 'The server did not respond to all of ten requests',
  cause: 'It is overloaded, limits the rate of requests, or one of several servers behind the proxy is broken.',
  fix: 'Run this again, and check the log of the server and of the proxy.',
};
