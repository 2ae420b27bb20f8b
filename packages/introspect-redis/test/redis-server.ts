import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createClient } from 'redis';

const readyWithinMs = 10_000;

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Sends a command on a connection of its own. */
  command(...words: string[]): Promise<unknown>;
  /** Makes it hang: its connections stay open, and it sends no response. */
  freeze(): void;
  /** Ends `freeze`. */
  thaw(): void;
  /** Ends it suddenly, and keeps its files. */
  crash(): Promise<void>;
  /** Ends it suddenly, and deletes its files. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. After `crash`, a node still knows its cluster. */
  startAgain(): Promise<void>;
}

/** Returns the path of redis-server, or undefined if it is not installed. */
export function findRedis(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'redis-server')).find((file) => existsSync(file));
}

/** Starts redis-server on a free loopback port, with some options of its own. It ends with `kill`. */
export function startRedis(...options: string[]): Promise<RedisServer> {
  return startOnFreePort(options, 'Ready to accept connections');
}

/** Starts a Redis Sentinel on a free loopback port, with the lines of its configuration. It ends with `kill`. */
export async function startSentinel(...lines: string[]): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-'));
  const file = join(folder, 'sentinel.conf');
  await writeFile(file, lines.join('\n')); // a sentinel needs a file that it can write to
  const sentinel = await startOnFreePort([file, '--sentinel'], '+monitor');
  return {
    ...sentinel,
    async kill() {
      await sentinel.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts several servers. If that fails, ends those that have started. */
export async function startTogether<Value>(
  start: (add: (server: Promise<RedisServer>) => Promise<RedisServer>) => Promise<Value>,
): Promise<Value> {
  const servers: Promise<RedisServer>[] = [];
  try {
    return await start((server) => {
      servers.push(server);
      return server;
    });
  } catch (error) {
    await Promise.allSettled(servers.map(async (server) => (await server).kill()));
    throw error;
  }
}

async function startOnFreePort(options: string[], readyText: string): Promise<RedisServer> {
  const program = findRedis();
  if (program === undefined) throw new Error('redis-server is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'redis-')); // a server in cluster mode writes a file
  const startAt = (port: number) => start(program, folder, [...options, '--port', `${port}`], readyText);
  for (;;) {
    const port = randomInt(10_000, 22_000); // below the ports that the system assigns; a cluster also uses port + 10000
    const started = await startAt(port);
    if (started.problem === undefined) return serverAt(port, folder, started.child, startAt);
    if (!started.problem.includes('Address already in use')) throw new Error(started.problem);
  }
}

function serverAt(port: number, folder: string, first: ChildProcess, startAt: (port: number) => Started): RedisServer {
  let child = first;
  const url = `redis://127.0.0.1:${port}`;
  return {
    port,
    url,
    async command(...words) {
      const client = await createClient({ url }).connect();
      try {
        return await client.sendCommand(words);
      } finally {
        client.destroy();
      }
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    crash: () => end(child),
    async kill() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
    async startAgain() {
      const started = await startAt(port);
      if (started.problem !== undefined) throw new Error(started.problem);
      child = started.child;
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

type Started = Promise<{ child: ChildProcess; problem: string | undefined }>;

/** Resolves when the server accepts connections, or with its output if it ends. */
async function start(program: string, folder: string, options: string[], readyText: string): Started {
  const fixed = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--enable-debug-command', 'yes'];
  await mkdir(folder, { recursive: true });
  const child = spawn(program, [...options, ...fixed], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const late = setTimeout(() => child.kill('SIGKILL'), readyWithinMs);
  let output = '';
  try {
    for await (const chunk of child.stdout) {
      output += chunk;
      if (!output.includes(readyText)) continue;
      return { child, problem: undefined };
    }
    return { child, problem: `redis-server ended: ${output}` };
  } finally {
    clearTimeout(late);
  }
}
