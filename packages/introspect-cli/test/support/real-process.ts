import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ended, Start } from './introspect.js';

const program = fileURLToPath(new URL('../../dist/introspect.js', import.meta.url));

/** Runs the built command as a process, without a terminal, and with only these variables in its environment. */
export async function introspectProcess(
  args: readonly string[],
  { cwd, env = {}, stdin = '' }: Start & { stdin?: string } = {},
): Promise<Ended> {
  if (!existsSync(program)) throw new Error('dist/introspect.js is missing: run "turbo run build" first');
  const child = spawn(process.execPath, ['--', program, ...args], { cwd, env: { PATH: process.env.PATH, ...env } });
  return ended(child, stdin);
}

/** Runs the built file by its own first line, as a shell does. `node` is the Node of this process. */
export async function introspectByShebang(
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  return ended(spawn(program, args, { cwd, env: { PATH, ...env } }), '');
}

/** Runs a script of sh, in which `introspect` is the built command. */
export async function introspectInShell(
  script: string,
  { env = {} }: { env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const definition = `introspect() { '${process.execPath}' -- '${program}' "$@"; }`;
  return ended(spawn('sh', ['-c', `${definition}\n${script}`], { env: { PATH: process.env.PATH, ...env } }), '');
}

/** Runs the built command as a process at a terminal of its own. Types each input as soon as the text that it `awaits` is shown. */
export async function introspectAtRealTerminal(
  args: readonly string[],
  {
    cwd,
    env = {},
    inputs,
  }: { cwd: string; env?: NodeJS.ProcessEnv; inputs: readonly { awaits: string; typed: string }[] },
): Promise<{ code: number | null; shown: string }> {
  const command = [process.execPath, '--', program, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', `stty cols 100 rows 40; exec ${command}`, '/dev/null'], {
    cwd,
    env: { PATH: process.env.PATH, TERM: 'xterm', ...env },
  });
  let shown = '';
  const remaining = [...inputs];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    shown += text;
    const [next] = remaining;
    if (next === undefined || !shown.includes(next.awaits)) return;
    remaining.shift();
    child.stdin.write(next.typed);
  });
  const [code] = await once(child, 'close');
  return { code, shown };
}

async function ended(child: ReturnType<typeof spawn>, stdin: string): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    printed.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    printed.stderr += text;
  });
  child.stdin?.on('error', () => {}).end(stdin);
  const [code, signal] = await once(child, 'close');
  if (signal !== null) throw new Error(`introspect was ended by ${signal}: ${printed.stderr}`);
  return { code, ...printed };
}
