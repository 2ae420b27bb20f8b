import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Another process that runs functions by name, one at a time. */
export interface Worker {
  /** Runs a function there, and returns its result. */
  get<Result>(name: string, ...args: readonly unknown[]): Promise<Result>;
  end(): void;
}

const timeLimitMs = 600_000;

/** Starts a built file of this package, such as `workers/api.js`, and waits until it is ready. */
export async function startWorker(file: string, args: readonly string[] = []): Promise<Worker> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv: ['--expose-gc', '--max-old-space-size=6000'],
  });
  const nextMessage = async <Message>(): Promise<Message> => {
    const signal = AbortSignal.timeout(timeLimitMs);
    const ended = new AbortController();
    const [message] = await Promise.race([
      once(child, 'message', { signal: AbortSignal.any([signal, ended.signal]) }),
      once(child, 'exit', { signal: ended.signal }).then(() => {
        throw new Error(`${file} ${args[0] ?? ''} ended without a result`);
      }),
    ]).finally(() => ended.abort());
    return message as Message;
  };
  await nextMessage();
  return {
    get: async (name, ...args) => {
      child.send({ name, args });
      return nextMessage();
    },
    end: () => void child.kill(),
  };
}

/** Serves functions by name in a worker. Sends a message when it is ready. The process ends with its parent. */
export function serve(functions: Readonly<Record<string, (...args: never[]) => unknown>>): void {
  process.once('disconnect', () => process.exit());
  process.on('message', async ({ name, args }: { name: string; args: never[] }) => {
    process.send?.((await functions[name]?.(...args)) ?? null);
  });
  process.send?.('ready');
}

/** Starts a worker, runs one function there, and ends it. */
export async function runWorker<Result>(file: string, args: readonly string[], name: string): Promise<Result> {
  const worker = await startWorker(file, args);
  try {
    return await worker.get<Result>(name);
  } finally {
    worker.end();
  }
}
