import type { Outcome } from './chaos.js';
import type { Plan } from './plan.js';
import { total, wrongs } from './tally.js';

const backWithinMs = 1000;
/** The client's time limit, plus a second for a busy machine. */
const deadlineMs = 5000 + 1000;
/** ZITADEL Cloud bans an address that sends more requests in a second. Each process has a limit of its own. */
const mostIntrospections = 50;

/** Returns everything that went wrong, or an empty list. */
export function failures(outcome: Outcome, { mustOccur, processes }: Pick<Plan, 'mustOccur' | 'processes'>): string[] {
  const { phases, errors, mostIntrospectionsInASecond, longestStallMs, stats, storedKeys, end } = outcome;
  const found: string[] = [];
  const must = (met: boolean, otherwise: string) => void (met || found.push(otherwise));

  for (const [what, number] of wrongs(phases)) found.push(`${number} wrong responses: ${what}`);
  phases.forEach(({ fault, unserved, slowestMs }, index) => {
    must(unserved === 0, `${unserved} requests with known good tokens were not served (${fault})`);
    const slowest = Math.max(slowestMs.known, slowestMs.others);
    must(slowest <= deadlineMs, `a request waited ${Math.round(slowest)} ms (${fault})`);
    const back = phases[index + 1]?.backAfterMs ?? Number.POSITIVE_INFINITY;
    must(fault !== 'outage' || back <= backWithinMs, `back ${Math.round(back)} ms after an outage`);
  });
  must(errors === 0, `${errors} requests got no reply`);
  // Requests that arrived while this program did not run are counted in the moment after it.
  const bearable = processes * mostIntrospections * (1 + longestStallMs / 1000);
  must(mostIntrospectionsInASecond <= bearable, `${mostIntrospectionsInASecond} introspection requests in a second`);
  must(end.code === 0 && end.stderr === '', `the demo ended with ${end.code}: ${end.stderr}`);
  must(storedKeys !== 0, 'nothing is in Redis');
  for (const [kind, status] of mustOccur.replies)
    must(total(phases, { kind, status }) > 0, `no ${status} for "${kind}" was seen`);
  for (const event of mustOccur.events) must((stats.lookups[event] ?? 0) > 0, `nothing was ${event}`);
  return found;
}
