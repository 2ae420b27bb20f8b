import { statistics } from './rounds.js';

/** The result of one measurement. */
export interface Report {
  /** The heading. */
  readonly title: string;
  /** The first one is for the name of the library. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly goals: readonly Goal[];
  readonly notes?: readonly string[];
}

export interface Goal {
  readonly goal: string;
  readonly measured: string;
  /** Undefined if the spread of the samples is larger than the distance between their median and the bound. */
  readonly isReached: boolean | undefined;
}

/** Returns a goal that is reached if the median of the samples is at least the bound. It is rounded only for display. */
export function atLeast(bound: number, samples: readonly number[], what: string): Goal {
  const { median, spread } = statistics(samples);
  const isUnclear = spread > Math.abs(median - bound);
  return {
    goal: `${what} ≥ ${bound} ×`,
    measured: withSpread(samples, times),
    isReached: isUnclear ? undefined : median >= bound,
  };
}

/** Returns a goal that is reached if the median of the samples is at most the bound. */
export function atMost(
  bound: number,
  samples: readonly number[],
  what: string,
  shown: (value: number) => string = times,
): Goal {
  const { median, spread } = statistics(samples);
  const isUnclear = spread > Math.abs(median - bound);
  return {
    goal: `${what} ≤ ${shown(bound)}`,
    measured: withSpread(samples, shown),
    isReached: isUnclear ? undefined : median <= bound,
  };
}

/** Returns the median, and the spread if there are several samples, such as `0.97 ×, spread 0.02`. */
function withSpread(samples: readonly number[], shown: (value: number) => string): string {
  const { median, spread } = statistics(samples);
  return samples.length === 1 ? shown(median) : `${shown(median)}, spread ${spread.toFixed(2)}`;
}

/** The columns that {@link cells} fills. */
export function columnsOf(what: string): string[] {
  return [what, 'least', 'spread'];
}

/** Returns the median, the minimum and the spread of ratios, for a row. */
export function cells(samples: readonly number[]): string[] {
  const { median, minimum, spread } = statistics(samples);
  return [times(median), times(minimum), spread.toFixed(2)];
}

/** Returns a ratio as text, such as `0.97 ×`: two decimals, and fewer if it is large. */
export function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : ratio < 100 ? 1 : 0)} ×`;
}

/** Returns a report as Markdown that is also readable in a terminal. */
export function markdownOf({ title, columns, rows, goals, notes = [] }: Report): string {
  return [`## ${title}`, table(columns, rows), ...(goals.length > 0 ? [goalTable(goals)] : []), ...notes].join('\n\n');
}

/** Returns a table of goals, with what was measured. */
export function goalTable(goals: readonly Goal[]): string {
  const verdicts = goals.map(({ goal, measured, isReached }) => [goal, measured, verdictOf(isReached)]);
  return table(['goal', 'measured', 'reached'], verdicts);
}

function verdictOf(isReached: boolean | undefined): string {
  if (isReached === undefined) return 'unclear';
  return isReached ? 'yes' : '**no**';
}

/** Returns a table. The first column is aligned to the left, the others to the right. */
function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, index) =>
    Math.max(3, column.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, index) => (index === 0 ? (cells[index] ?? '').padEnd(width) : (cells[index] ?? '').padStart(width))).join(' | ')} |`;
  const rule = `| ${widths.map((width, index) => (index === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(columns), rule, ...rows.map(line)].join('\n');
}
