import { type Check, checked, type Finding, skipped } from '../finding.js';
import { type Asking, askRaw } from './credentials.js';

const questions = 10;
const slowMedianMs = 500;
/** All of them together: a patient must not die of the examination. */
const enoughMs = 15_000;

/** How long ten questions take, one after the other and on one connection, as an API would ask them. */
export async function checkLatency(asking: Asking): Promise<Check> {
  const times: number[] = [];
  const began = performance.now();
  for (let asked = 0; asked < questions && performance.now() - began < enoughMs; asked++) {
    const askedAt = performance.now();
    const answer = await askRaw(asking);
    if (answer === undefined || !('status' in answer) || answer.status !== 200) {
      return checked('latency', `question ${asked + 1} of ${questions} failed`, [unsteady]);
    }
    times.push(performance.now() - askedAt);
  }
  if (times.length === 0) return skipped('latency', 'no question was asked');
  const { median, worst } = summary(times);
  const detail = `median ${median} ms, worst ${worst} ms, of ${times.length} questions`;
  return checked('latency', detail, latencyFindings({ median, worst }, asking.timeoutMs));
}

/** In whole milliseconds. */
export function summary(times: readonly number[]): { median: number; worst: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const [low = 0, high = 0] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return { median: Math.round((low + high) / 2), worst: Math.round(sorted.at(-1) ?? 0) };
}

export function latencyFindings({ median, worst }: { median: number; worst: number }, timeoutMs: number): Finding[] {
  const findings: Finding[] = [];
  if (median > slowMedianMs) findings.push(slow(median));
  if (worst > timeoutMs / 2) findings.push(nearlyLate(worst, timeoutMs));
  return findings;
}

const slow = (median: number): Finding => ({
  code: 'latency_slow',
  severity: 'warning',
  seen: `Half of the questions take longer than ${median} ms`,
  cause: 'The server is far away or busy, or connections are not kept open.',
  fix: "Run the API in the server's region, let proxies keep connections alive, and use the option cache.",
});

const nearlyLate = (worst: number, timeoutMs: number): Finding => ({
  code: 'latency_near_timeout',
  severity: 'warning',
  seen: `One question took ${worst} ms, and the limit is ${timeoutMs} ms`,
  cause: 'The server hesitates at times: it is overloaded, or was asleep.',
  fix: 'Look at the load of the server and its database; raising timeoutMs only makes callers wait.',
});

const unsteady: Finding = {
  code: 'latency_unsteady',
  severity: 'warning',
  seen: 'The server answered one question, and not all of ten',
  cause: 'It is overloaded, limits how often it is asked, or one of several servers behind the proxy is broken.',
  fix: 'Run this again, and look at the log of the server and of the proxy.',
};
