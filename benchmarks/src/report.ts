/** What one question found. */
export interface Report {
  readonly question: string;
  /** The first is the rival's name. */
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
 * The measured value is compared as it was measured, and shown rounded.
 *
 * @param byCpu the same by the processor's time, where the goal is one of requests a second: it is only shown
 */
export function atLeast(bound: number, measured: number, what: string, byCpu?: number): Goal {
  const aside = byCpu === undefined ? '' : ` (by CPU ${times(byCpu)})`;
  return { goal: `${what} ≥ ${bound} ×`, measured: times(measured) + aside, isReached: measured >= bound };
}

export function atMost(bound: number, measured: number, what: string, shown: (value: number) => string = times): Goal {
  return { goal: `${what} ≤ ${shown(bound)}`, measured: shown(measured), isReached: measured <= bound };
}

/** A ratio, such as `0.97 ×`: two decimals, fewer where it is large. */
export function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : ratio < 100 ? 1 : 0)} ×`;
}

/** In Markdown that a terminal shows as well. */
export function markdownOf({ question, columns, rows, goals, notes = [] }: Report): string {
  const verdicts = goals.map(({ goal, measured, isReached }) => [goal, measured, isReached ? 'yes' : '**no**']);
  return [
    `## ${question}`,
    table(columns, rows),
    ...(goals.length > 0 ? [table(['goal', 'measured', 'reached'], verdicts)] : []),
    ...notes,
  ].join('\n\n');
}

/** The first column to the left, the others to the right. */
function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, index) =>
    Math.max(3, column.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, index) => (index === 0 ? (cells[index] ?? '').padEnd(width) : (cells[index] ?? '').padStart(width))).join(' | ')} |`;
  const rule = `| ${widths.map((width, index) => (index === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(columns), rule, ...rows.map(line)].join('\n');
}
