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
  readonly isReached: boolean;
}

/**
 * Returns a goal that is reached if the measured value is at least the bound. The value is rounded only for display.
 *
 * @param byCpu the ratio of CPU times, if the goal is about requests per second. It is displayed, and not compared
 */
export function atLeast(bound: number, measured: number, what: string, byCpu?: number): Goal {
  const aside = byCpu === undefined ? '' : ` (by CPU ${times(byCpu)})`;
  return { goal: `${what} ≥ ${bound} ×`, measured: times(measured) + aside, isReached: measured >= bound };
}

export function atMost(bound: number, measured: number, what: string, shown: (value: number) => string = times): Goal {
  return { goal: `${what} ≤ ${shown(bound)}`, measured: shown(measured), isReached: measured <= bound };
}

/** Returns a ratio as text, such as `0.97 ×`: two decimals, and fewer if it is large. */
export function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : ratio < 100 ? 1 : 0)} ×`;
}

/** Returns a report as Markdown that is also readable in a terminal. */
export function markdownOf({ title, columns, rows, goals, notes = [] }: Report): string {
  const verdicts = goals.map(({ goal, measured, isReached }) => [goal, measured, isReached ? 'yes' : '**no**']);
  return [
    `## ${title}`,
    table(columns, rows),
    ...(goals.length > 0 ? [table(['goal', 'measured', 'reached'], verdicts)] : []),
    ...notes,
  ].join('\n\n');
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
