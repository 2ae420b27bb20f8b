import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The folder of a demo in `apps`. */
export type DemoName = 'express-demo' | 'fastify-demo' | 'hono-demo' | 'nestjs-demo';

/** A demo that runs as a program of its own. */
export interface DemoProgram {
  /** Sends a request, and returns the parts of the response that tests compare. */
  request(path: string, token?: string, method?: string): Promise<DemoResponse>;
  /** Returns what the program has written to standard error. */
  log(): string;
  /** Ends the program, and waits until it has ended. */
  end(): Promise<void>;
}

interface DemoResponse {
  status: number;
  body: unknown;
  /** The field `WWW-Authenticate`, or `null`. */
  challenge: string | null;
}

/**
 * Starts a built demo. Apart from `PATH`, it gets only this environment.
 *
 * @throws Error with the program's own message if it ends instead of listening
 */
export async function startDemoProgram(name: DemoName, environment: Record<string, string>): Promise<DemoProgram> {
  const main = fileURLToPath(new URL(`../../apps/${name}/dist/main.js`, import.meta.url));
  const program = spawn(process.execPath, [main], { env: { PATH: process.env.PATH ?? '', ...environment } });
  const ended = once(program, 'close');
  let errors = '';
  program.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const origin = await new Promise<string>((resolve, reject) => {
    let printed = '';
    program.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text;
      const url = /demo: (http:\S+) .*\n/.exec(printed)?.[1];
      if (url !== undefined) resolve(url);
    });
    ended.then(() => reject(new Error(`${name} ended: ${errors}`)));
  });
  return {
    async request(path, token, method = 'GET') {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(`${origin}${path}`, { method, headers });
      const text = await response.text();
      const body: unknown = text === '' ? undefined : JSON.parse(text); // Node responds with 431 without a body
      const challenge = response.headers.get('www-authenticate');
      return { status: response.status, body, challenge };
    },
    log: () => errors,
    async end() {
      program.kill();
      await ended;
    },
  };
}
