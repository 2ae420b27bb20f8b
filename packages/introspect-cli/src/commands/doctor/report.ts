import { type Line, type Style, type Styled, styled } from '../../terminal/output.js';
import type { Check, Finding, Severity } from './finding.js';

const symbols: Readonly<Record<Check['status'] | 'note', readonly [symbol: string, style: Style]>> = {
  ok: ['✓', 'green'],
  note: ['i', 'cyan'],
  warning: ['!', 'yellow'],
  fault: ['✗', 'red'],
  skipped: ['-', 'dim'],
};

export interface Report {
  /** True without a fault. There may be warnings. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly faults: number;
  readonly warnings: number;
  readonly notes: number;
}

export function reportOf(checks: readonly Check[]): Report {
  const count = (severity: Severity) =>
    checks.flatMap(({ findings }) => findings).filter((finding) => finding.severity === severity).length;
  const [faults, warnings, notes] = [count('fault'), count('warning'), count('note')];
  return { ok: faults === 0, checks, faults, warnings, notes };
}

/** Returns a line for each check with its findings below it, and a summary. */
export function reportText({ checks, faults, warnings, notes }: Report): Line[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, detail, findings }): Line[] => [
    [symbolOf(status), ` ${name.padEnd(width)}  ${status === 'skipped' ? 'not checked: ' : ''}${detail}`],
    ...findings.flatMap(findingLines),
  ]);
  const summary = [counted(faults, 'fault'), counted(warnings, 'warning'), counted(notes, 'note')].join(', ');
  return [...lines, '', summary];
}

function findingLines({ code, severity, seen, cause, fix }: Finding): Line[] {
  return [['  ', symbolOf(severity), ' ', styled('bold', seen), ` (${code})`], `    why: ${cause}`, `    fix: ${fix}`];
}

function symbolOf(kind: keyof typeof symbols): Styled {
  const [symbol, style] = symbols[kind];
  return styled(style, symbol);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
