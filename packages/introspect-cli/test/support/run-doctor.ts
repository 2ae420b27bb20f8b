import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ScriptedServer } from '@acme/introspect-testing';
import { expect } from 'vitest';
import type { Report } from '../../src/commands/doctor/report.js';

const program = fileURLToPath(new URL('../../dist/introspect.js', import.meta.url));

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

/** Runs the built command with only these variables in its environment, and with an empty stdin. */
export async function runDoctor(env: Record<string, string>, ...args: string[]): Promise<Outcome> {
  const outcome = await new Promise<Outcome>((resolve) => {
    const options = { env, timeout: 120_000 };
    // On a busy machine, the server may be slow. An argument of the test comes last and overrides this one.
    const argv = ['--', program, 'doctor', '--timeout-ms', '20000', ...args];
    const child = execFile(process.execPath, argv, options, (error, stdout, stderr) => {
      resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr });
    });
    child.stdin?.end();
  });
  expect(outcome.stdout + outcome.stderr).not.toContain(canary);
  expect(outcome.stdout + outcome.stderr).not.toContain(Buffer.from(`api:${clientSecret}`).toString('base64'));
  return outcome;
}

/** Runs the command with `--json`, and returns the codes of the findings and the report. */
export async function examined(env: Record<string, string>, ...args: string[]) {
  const { exitCode, stdout, stderr } = await runDoctor(env, '--json', ...args);
  expect(stderr).toBe('');
  const report: Report = JSON.parse(stdout);
  const found = report.checks.flatMap(({ name, findings }) => findings.map(({ code }) => `${name}: ${code}`));
  expect({ ok: report.ok, exitCode }).toEqual(
    report.faults > 0 ? { ok: false, exitCode: 1 } : { ok: true, exitCode: 0 },
  );
  return { found, report, statuses: Object.fromEntries(report.checks.map(({ name, status }) => [name, status])) };
}
