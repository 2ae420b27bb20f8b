import type { ScriptedServer } from '@acme/introspect-testing';
import { expect } from 'vitest';
import type { Report } from '../../src/commands/doctor/report.js';
import { introspect } from './introspect.js';

/** A text that must never be printed. */
export const canary = 'canary-3f9a';
export const clientSecret = `${canary}-secret`;

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Returns the environment of an API that this server knows. */
export function apiOf({ origin }: Pick<ScriptedServer, 'origin'>): Record<string, string> {
  return { ZITADEL_ISSUER: origin, ZITADEL_CLIENT_ID: 'api', ZITADEL_CLIENT_SECRET: clientSecret };
}

/** Runs the command with only these variables in its environment, and with an empty stdin. */
export async function runDoctor(
  env: Record<string, string>,
  args: readonly string[] = [],
  start: typeof introspect = introspect,
): Promise<Outcome> {
  // On a busy machine, the server may be slow. An argument of the test comes last and overrides this one.
  const { code, stdout, stderr } = await start(['doctor', '--timeout-ms', '20000', ...args], { env });
  expect(stdout + stderr).not.toContain(canary);
  expect(stdout + stderr).not.toContain(Buffer.from(`api:${clientSecret}`).toString('base64'));
  return { exitCode: Number(code), stdout, stderr };
}

/** Runs the command with `--json`, and returns the codes of the findings and the report. */
export async function examined(env: Record<string, string>, ...args: string[]) {
  const { exitCode, stdout, stderr } = await runDoctor(env, ['--json', ...args]);
  expect(stderr).toBe('');
  const report: Report = JSON.parse(stdout);
  const found = report.checks.flatMap(({ name, findings }) => findings.map(({ code }) => `${name}: ${code}`));
  expect({ ok: report.ok, exitCode }).toEqual(
    report.errors > 0 ? { ok: false, exitCode: 1 } : { ok: true, exitCode: 0 },
  );
  return { found, report, statuses: Object.fromEntries(report.checks.map(({ name, status }) => [name, status])) };
}
