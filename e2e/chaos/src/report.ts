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
const columns = ['the server', 's', 'requests', '200', '401', '503', 'other', 'wrong', 'unserved'];
const timings = ['known, ms', 'others, ms', 'questions', 'back, ms', 'MB'];

/** The head of the table of phases. */
export function phaseHead(): string {
  return row([...columns, ...timings]);
}

/** One phase, as a row under {@link phaseHead}. The times are those of the slowest replies. */
export function phaseRow(phase: PhaseTally): string {
  const { fault, ms, unserved, slowestMs, questions, backAfterMs, memoryMb } = phase;
  const wrong = sum(wrongs([phase]).values());
  return row([
    fault,
    (ms / 1000).toFixed(1),
    ...statuses([phase]),
    wrong,
    unserved,
    Math.round(slowestMs.known),
    Math.round(slowestMs.others),
    questions,
    backAfterMs === undefined ? '' : Math.round(backAfterMs),
    memoryMb === undefined ? '' : Math.round(memoryMb),
  ]);
}

/** The whole run, after its phases. */
export function summary(outcome: Outcome, found: readonly string[]): string {
  const { phases, latestLetInMs, memory, stats } = outcome;
  const questions = sum(phases.map((phase) => phase.questions));
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
    `wrong answers      ${sum(wrongs(phases).values())}`,
    `known good tokens  ${sum(phases.map(({ unserved }) => unserved))} not served`,
    `revoked tokens     let in for ${seconds(latestLetInMs.reachable)} at most, while the server was unreachable ${seconds(latestLetInMs.unreachable)}`,
    `without a reply    ${outcome.errors}`,
    `questions          ${questions}, at most ${outcome.mostQuestionsInASecond} in a second`,
    `  by outcome       ${numbers(stats.requests)}`,
    `  not asked, for   ${numbers(stats.shed)}`,
    `  and the cache    ${numbers(stats.lookups)}`,
    `time to recover    ${recoveries(phases)}`,
    `memory             ${memory === undefined ? 'unknown' : memoryLine(memory)}`,
    `this program       stood still for ${Math.round(outcome.longestStallMs)} ms at most: no time here is more exact`,
    '',
    ...(found.length === 0 ? ['All is well.'] : found.map((each) => `FAILED: ${each}`)),
  ].join('\n');
}

/** How many there were, then 200, 401, 503 and the others. */
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
