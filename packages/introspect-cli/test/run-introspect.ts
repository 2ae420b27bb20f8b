import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../dist/introspect.js', import.meta.url));

export interface Outcome {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Nothing else is in the environment. */
  env?: Readonly<Record<string, string>>;
  /** What is written to stdin, which is then closed. */
  stdin?: string;
  cwd?: string;
}

/** Runs the command as a process, as it was built. */
export async function runIntrospect(
  args: readonly string[],
  { env = {}, stdin = '', cwd }: RunOptions = {},
): Promise<Outcome> {
  if (!existsSync(program)) throw new Error('packages/introspect-cli is not built: run pnpm build first');
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env.PATH, ...env }, cwd });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}); // it may have ended before it read
  child.stdin.end(stdin);
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, stdout, stderr };
}
