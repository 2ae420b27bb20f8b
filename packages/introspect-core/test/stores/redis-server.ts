import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { endProcess, findProgram } from '../support/programs.js';

const readyWithinMs = 10_000;

export interface RedisServer {
  readonly url: string;
  /** Makes it hang: its connections stay open, and it sends no response. */
  freeze(): void;
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  startAgain(): Promise<void>;
}

/** Returns the path of redis-server, or undefined if it is not installed. */
export function findRedis(): string | undefined {
  return findProgram('redis-server');
}

/** Starts redis-server on a free loopback port. It writes no file, and ends with `kill`. */
export async function startRedis(): Promise<RedisServer> {
  const program = findRedis();
  if (program === undefined) throw new Error('redis-server is not installed');
  for (;;) {
    const port = randomInt(10_000, 32_000); // below the ports that the system assigns by itself
    const started = await start(program, port);
    if (started.problem === undefined) return serverAt(program, port, started.child);
    if (!started.problem.includes('Address already in use')) throw new Error(started.problem);
  }
}

function serverAt(program: string, port: number, first: ChildProcess): RedisServer {
  let child = first;
  return {
    url: `redis://127.0.0.1:${port}`,
    freeze: () => void child.kill('SIGSTOP'),
    kill: () => endProcess(child, 'SIGKILL'),
    startAgain: async () => {
      const started = await start(program, port);
      if (started.problem !== undefined) throw new Error(started.problem);
      child = started.child;
    },
  };
}

/** Resolves when the server accepts connections, or with its output if it ends. */
async function start(program: string, port: number): Promise<{ child: ChildProcess; problem: string | undefined }> {
  const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn(program, options, { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'inherit'] });
  const late = setTimeout(() => child.kill('SIGKILL'), readyWithinMs);
  let output = '';
  try {
    for await (const chunk of child.stdout) {
      output += chunk;
      if (!output.includes('Ready to accept connections')) continue;
      return { child, problem: undefined };
    }
    return { child, problem: `redis-server ended: ${output}` };
  } finally {
    clearTimeout(late);
  }
}
