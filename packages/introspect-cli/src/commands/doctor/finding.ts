export type Severity = 'error' | 'warning' | 'info';

/** Something that is wrong: what was seen, the likely cause, and what to do. One sentence each. */
export interface Finding {
  /** Stable, for scripts that read `--json`. */
  readonly code: string;
  readonly severity: Severity;
  /** In our own words: never part of a secret, and of a server's text at most an origin. */
  readonly seen: string;
  readonly cause: string;
  readonly fix: string;
}

/** The checks, in their order. */
export const checkNames = [
  'configuration',
  'dns',
  'connection',
  'discovery',
  'clock',
  'credentials',
  'token',
  'latency',
] as const;

export type CheckName = (typeof checkNames)[number];

export interface Check {
  readonly name: CheckName;
  /** Also `ok` if there are infos. */
  readonly status: 'ok' | 'warning' | 'error' | 'skipped';
  /** What was checked, or why the check was skipped. */
  readonly detail: string;
  readonly findings: readonly Finding[];
}

/** Returns a check that ran. Its status is that of its worst finding. */
export function checked(name: CheckName, detail: string, findings: readonly Finding[] = []): Check {
  const severities = new Set(findings.map(({ severity }) => severity));
  const status = severities.has('error') ? 'error' : severities.has('warning') ? 'warning' : 'ok';
  return { name, status, detail, findings };
}

/** Returns a check that did not run. */
export function skipped(name: CheckName, why: string): Check {
  return { name, status: 'skipped', detail: why, findings: [] };
}
