import { type Line, type Style, type Styled, styled } from '../../terminal/output.js';
import type { Check, Finding, Severity } from './finding.js';

const marks: Readonly<Record<Check['status'] | 'note', readonly [mark: string, style: Style]>> = {
  ok: ['✓', 'green'],
  note: ['i', 'cyan'],
  warning: ['!', 'yellow'],
  fault: ['✗', 'red'],
  skipped: ['-', 'dim'],
};

export interface Report {
  /** Nothing is at fault; there may be warnings. */
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

/** A line for each check, below it what was found, and a summary. */
export function reportText({ checks, faults, warnings, notes }: Report): Line[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, detail, findings }): Line[] => [
    [mark(status), ` ${name.padEnd(width)}  ${status === 'skipped' ? 'not checked: ' : ''}${detail}`],
    ...findings.flatMap(findingLines),
  ]);
  const summary = [counted(faults, 'fault'), counted(warnings, 'warning'), counted(notes, 'note')].join(', ');
  return [...lines, '', summary];
}

function findingLines({ code, severity, seen, cause, fix }: Finding): Line[] {
  return [['  ', mark(severity), ' ', styled('bold', seen), ` (${code})`], `    why: ${cause}`, `    fix: ${fix}`];
}

function mark(kind: keyof typeof marks): Styled {
  const [sign, style] = marks[kind];
  return styled(style, sign);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
