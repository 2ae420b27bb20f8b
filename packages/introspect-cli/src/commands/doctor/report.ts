import { type Line, type Style, type Styled, styled } from '../../terminal/output.js';
import type { Check, Finding, Severity } from './finding.js';

const symbols: Readonly<Record<Check['status'] | 'info', readonly [symbol: string, style: Style]>> = {
  ok: ['✓', 'green'],
  info: ['i', 'cyan'],
  warning: ['!', 'yellow'],
  error: ['✗', 'red'],
  skipped: ['-', 'dim'],
};

export interface Report {
  /** True if there is no error. There may be warnings. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly errors: number;
  readonly warnings: number;
  readonly infos: number;
}

export function reportOf(checks: readonly Check[]): Report {
  const count = (severity: Severity) =>
    checks.flatMap(({ findings }) => findings).filter((finding) => finding.severity === severity).length;
  const [errors, warnings, infos] = [count('error'), count('warning'), count('info')];
  return { ok: errors === 0, checks, errors, warnings, infos };
}

/** Returns a line for each check with its findings below it, and a summary. */
export function reportText({ checks, errors, warnings, infos }: Report): Line[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, detail, findings }): Line[] => [
    [symbolOf(status), ` ${name.padEnd(width)}  ${status === 'skipped' ? 'not checked: ' : ''}${detail}`],
    ...findings.flatMap(findingLines),
  ]);
  const summary = [counted(errors, 'error'), counted(warnings, 'warning'), counted(infos, 'info')].join(', ');
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
