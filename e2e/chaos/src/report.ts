import type { Outcome } from './chaos.js';
import type { Kind } from './judge.js';
import { type PhaseTally, total, wrongs } from './tally.js';

const kinds: Readonly<Record<Kind, string>> = {
  good: 'good, known',
  alive: 'good, to be revoked',
  revoked: 'revoked',
  unseen: 'good, never seen',
  garbage: 'garbage',
  none: 'no token',
};
const columns = ['the fault', 's', 'requests', '200', '401', '503', 'other', 'wrong', 'unserved'];
const timings = ['known, ms', 'others, ms', 'upstream', 'back, ms', 'MB'];

/** Returns the head of the table of phases. `upstream` counts the introspection requests. */
export function phaseHead(): string {
  return row([...columns, ...timings]);
}

/** Returns one phase as a row under {@link phaseHead}. The times are those of the slowest replies. */
export function phaseRow(phase: PhaseTally): string {
  const { fault, ms, unserved, slowestMs, introspections, backAfterMs, memoryMb } = phase;
  const wrong = sum(wrongs([phase]).values());
  return row([
    fault,
    (ms / 1000).toFixed(1),
    ...statuses([phase]),
    wrong,
    unserved,
    Math.round(slowestMs.known),
    Math.round(slowestMs.others),
    introspections,
    backAfterMs === undefined ? '' : Math.round(backAfterMs),
    memoryMb === undefined ? '' : Math.round(memoryMb),
  ]);
}

/** Returns the summary of the whole run. */
export function summary(outcome: Outcome, found: readonly string[]): string {
  const { phases, longestAcceptedMs, memory, stats } = outcome;
  const introspections = sum(phases.map((phase) => phase.introspections));
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const numbers = (record: Readonly<Record<string, number>>) =>
    Object.entries(record)
      .map(([name, number]) => `${name} ${number}`)
      .join(', ');
  return [
    '',
    row(['token', '', 'requests', '200', '401', '503', 'other']),
    ...(Object.keys(kinds) as Kind[]).map((kind) => row([kinds[kind], '', ...statuses(phases, kind)])),
    row(['all', '', ...statuses(phases)]),
    '',
    `wrong responses    ${sum(wrongs(phases).values())}`,
    `known good tokens  ${sum(phases.map(({ unserved }) => unserved))} not served`,
    `revoked tokens     accepted for ${seconds(longestAcceptedMs.reachable)} at most, while the server was unreachable ${seconds(longestAcceptedMs.unreachable)}`,
    `without a reply    ${outcome.errors}`,
    `introspections     ${introspections}, at most ${outcome.mostIntrospectionsInASecond} in a second`,
    `  by outcome       ${numbers(stats.requests)}`,
    `  shed by          ${numbers(stats.shed)}`,
    `  lookups          ${numbers(stats.lookups)}`,
    `time to recover    ${recoveries(phases)}`,
    ...(outcome.storedKeys === undefined ? [] : [`keys in Redis      ${outcome.storedKeys} at the end`]),
    `memory             ${memory === undefined ? 'unknown' : memoryLine(memory)}`,
    `this program       did not run for ${Math.round(outcome.longestStallMs)} ms at most: all times are only as exact as this`,
    '',
    ...(found.length === 0 ? ['All is well.'] : found.map((each) => `FAILED: ${each}`)),
  ].join('\n');
}

/** Returns the number of replies, then those with 200, 401, 503 and any other status. */
function statuses(phases: readonly PhaseTally[], kind?: Kind): number[] {
  const only = kind === undefined ? {} : { kind };
  const all = total(phases, only);
  const known = [200, 401, 503].map((status) => total(phases, { ...only, status }));
  return [all, ...known, all - sum(known)];
}

function recoveries(phases: readonly PhaseTally[]): string {
  return phases
    .flatMap(({ backAfterMs }, index) =>
      backAfterMs === undefined ? [] : [`${phases[index - 1]?.fault} ${Math.round(backAfterMs)} ms`],
    )
    .join(', ');
}

function memoryLine({ start, end, most }: NonNullable<Outcome['memory']>): string {
  const megabytes = (number: number) => `${Math.round(number)} MB`;
  return `${megabytes(start)} at start, ${megabytes(end)} at the end, ${megabytes(most)} at most`;
}

function row(cells: readonly (string | number)[]): string {
  return cells
    .map((cell, index) => (index === 0 ? String(cell).padEnd(20) : String(cell).padStart(index < 9 ? 9 : 11)))
    .join('');
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((all, each) => all + each, 0);
}
