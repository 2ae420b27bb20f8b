import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A process of its own, that answers what it is asked, one question at a time. */
export interface Worker {
  ask<Answer>(question: string): Promise<Answer>;
  end(): void;
}

const millisecondsToAnswer = 600_000;

/** Starts a built file of this package, such as `workers/api.js`, and waits until it answers. */
export async function startWorker(file: string, args: readonly string[] = []): Promise<Worker> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv: ['--expose-gc', '--max-old-space-size=6000'],
  });
  const heard = async <Answer>(): Promise<Answer> => {
    const signal = AbortSignal.timeout(millisecondsToAnswer);
    const ended = new AbortController();
    const [answer] = await Promise.race([
      once(child, 'message', { signal: AbortSignal.any([signal, ended.signal]) }),
      once(child, 'exit', { signal: ended.signal }).then(() => {
        throw new Error(`${file} ${args[0] ?? ''} ended without an answer`);
      }),
    ]).finally(() => ended.abort());
    return answer as Answer;
  };
  await heard();
  return {
    ask: async (question) => {
      child.send(question);
      return heard();
    },
    end: () => void child.kill(),
  };
}

/** In such a process: tells that it is ready, and answers from then on. It ends with its parent. */
export function answer(answers: Readonly<Record<string, () => unknown>>): void {
  process.once('disconnect', () => process.exit());
  process.on('message', async (question: string) => {
    process.send?.((await answers[question]?.()) ?? null);
  });
  process.send?.('ready');
}

/** A worker for as long as it takes to answer one question. */
export async function askWorker<Answer>(file: string, args: readonly string[], question: string): Promise<Answer> {
  const worker = await startWorker(file, args);
  try {
    return await worker.ask<Answer>(question);
  } finally {
    worker.end();
  }
}
