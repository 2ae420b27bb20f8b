import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Settings } from './runtime-case.js';
import type { Command, Runtime } from './runtimes.js';

/** A runtime that serves the app. */
export interface Running {
  readonly origin: string;
  /** Stops the server; the process then ends by itself, unless something keeps it alive. */
  end(): Promise<void>;
  kill(): Promise<void>;
}

const startMs = 60_000;
/** Less than the time limit of 60 s that `patient` has: a timer that is left behind would keep the process alive for longer. */
const endMs = 30_000;

/**
 * Starts a runtime and waits for its line with the port.
 *
 * @throws Error with what the process printed, if it does not serve in time or has another version
 */
export async function start(runtime: Runtime, settings: Settings): Promise<Running> {
  const { child, ended, line, printed, kill } = await serve(await runtime.command(settings), /^\{.*\}$/m);
  const { port, version = runtime.version } = JSON.parse(line) as { port: number; version?: string };
  if (version !== runtime.version) {
    await kill();
    throw new Error(`${runtime.name} did not start: it is ${version}`);
  }
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    kill,
    async end() {
      await fetch(`${origin}/end`, { method: 'POST' });
      const late = once(AbortSignal.timeout(endMs), 'abort').then(() => 'late' as const);
      if ((await Promise.race([ended, late])) === 'late')
        throw new Error(`still runs ${endMs} ms after its server closed`);
      if (child.exitCode !== 0) throw new Error(`ended with ${child.exitCode}\n${printed()}`);
    },
  };
}

/**
 * Starts a server, and waits until it prints a line that matches.
 *
 * @throws Error with what the process printed, if it does not do so in time
 */
export async function serve([file, ...args]: Command, ready: RegExp, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let printed = '';
  const ended = once(child, 'close');
  ended.catch(() => {}); // if it did not start, waiting for its line fails too
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const isReady = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        printed += text;
        const [line] = ready.exec(printed) ?? [];
        if (line !== undefined) resolve(line);
      });
    }
  });
  try {
    const line = await Promise.race([
      isReady,
      ended.then(() => Promise.reject(new Error('it ended'))),
      once(AbortSignal.timeout(startMs), 'abort').then(() => Promise.reject(new Error(`not within ${startMs} ms`))),
    ]);
    return { child, ended, line, printed: () => printed, kill };
  } catch (error) {
    await kill().catch(() => {});
    throw new Error(`${file} did not start: ${error}\n${printed}`);
  }
}
