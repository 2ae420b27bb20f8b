export type Severity = 'fault' | 'warning' | 'note';

/** Something that is not as it should be: what was seen, why that may be, and what to do. One sentence each. */
export interface Finding {
  /** Stable, for scripts that read `--json`. */
  readonly code: string;
  readonly severity: Severity;
  /** In our own words: never a piece of a secret, and of what a server wrote an origin at most. */
  readonly seen: string;
  readonly cause: string;
  readonly fix: string;
}

/** What is looked at, in this order. */
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
  /** `ok` also with notes. */
  readonly status: 'ok' | 'warning' | 'fault' | 'skipped';
  /** What was looked at; of a check that was skipped, why. */
  readonly detail: string;
  readonly findings: readonly Finding[];
}

/** A check that was made: its status is that of its worst finding. */
export function checked(name: CheckName, detail: string, findings: readonly Finding[] = []): Check {
  const severities = new Set(findings.map(({ severity }) => severity));
  const status = severities.has('fault') ? 'fault' : severities.has('warning') ? 'warning' : 'ok';
  return { name, status, detail, findings };
}

export function skipped(name: CheckName, why: string): Check {
  return { name, status: 'skipped', detail: why, findings: [] };
}
