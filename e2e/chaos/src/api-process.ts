import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The demo in a process of its own. */
export interface ApiProcess {
  readonly origin: string;
  /** Returns the resident memory now and its maximum, in MB, or `undefined` on a system without /proc. */
  memory(): Promise<{ now: number; most: number } | undefined>;
  /** Ends the process. Returns its exit code, and what it wrote to stderr beside the log of failed introspections and of Redis. */
  stop(): Promise<{ code: number | null; stderr: string }>;
}

/** What the demo logs because of the faults. */
const expectedLog = /^(Token introspection failed |(Aggregate)?Error: |The cache has a "store" but no ).*\n?/gm;
const startMs = 30_000;
const stopMs = 5000;

/** Starts the Fastify demo as a user would, and waits for its URL. */
export async function startApi(environment: Record<string, string>): Promise<ApiProcess> {
  const main = fileURLToPath(new URL('./main.js', import.meta.resolve('fastify-demo')));
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const closed = once(child, 'close').then(([code]) => {
    process.off('exit', kill);
    return code as number | null;
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const origin = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('The demo did not start in time')), startMs);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(stdout) ?? [];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found);
    });
    closed.then(() => reject(new Error(`The demo ended early: ${stderr}`)));
  });
  return {
    origin,
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
      const megabytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
      return status === '' ? undefined : { now: megabytes('VmRSS'), most: megabytes('VmHWM') };
    },
    stop: async () => {
      child.kill('SIGTERM');
      const impatient = setTimeout(kill, stopMs);
      const code = await closed;
      clearTimeout(impatient);
      return { code, stderr: stderr.replaceAll(expectedLog, '') };
    },
  };
}
