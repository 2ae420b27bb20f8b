import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseEnv } from 'node:util';
import { isCancel, password } from '@clack/prompts';
import { exitCodes, Failure, usage } from '../failure.js';

type Variables = Readonly<Record<string, string | undefined>>;

/** Whether there is someone to ask: prompts are shown on stderr, so stdout may go elsewhere. */
export const isInteractive = () => process.stdin.isTTY === true && process.stderr.isTTY === true;

/**
 * The settings of a command. An option overrides the environment, and the environment overrides the file of `--env`.
 *
 * Secrets have no option, since a command line is seen by others and kept by shells.
 */
export class Settings {
  readonly #file: Variables;
  readonly #environment: Variables;
  #lines: AsyncIterator<string> | undefined;

  /** @throws Failure when the file cannot be read */
  constructor(envFile: string | undefined, environment: NodeJS.ProcessEnv) {
    this.#file = envFile === undefined ? {} : readEnvFile(envFile);
    this.#environment = { ...environment };
  }

  /** An option's value, else that of the variable; an empty one counts as absent. */
  text(option: string | undefined, variable: string): string | undefined {
    return option || (this.#environment[variable] ?? this.#file[variable]) || undefined;
  }

  /**
   * The value of a variable, from the place that sets another one: a file must not add to settings of the environment.
   */
  beside(other: string, variable: string): string | undefined {
    const source = this.#environment[other] === undefined ? this.#file : this.#environment;
    return source[variable] || undefined;
  }

  /** @throws Failure that names both ways to give it */
  required(option: string | undefined, flag: string, variable: string, what: string): string {
    const value = this.text(option, variable);
    if (value !== undefined) return value;
    throw usage(`${what} is missing`, `Give ${flag}, or set ${variable} in the environment or in the file of --env.`);
  }

  /**
   * A secret: from the environment or the file, else from whoever sits at the terminal, else the next line of stdin.
   *
   * @throws Failure when there is none
   */
  async secret(variable: string, what: string): Promise<string> {
    const known = this.text(undefined, variable) || (isInteractive() ? await prompted(what) : await this.#nextLine());
    if (known) return known;
    throw usage(
      `${what} is missing`,
      `Set ${variable} in the environment or in the file of --env, or write it to stdin. It is not taken from the command line.`,
    );
  }

  /** Reads no further than it must: whoever writes may never close. */
  async #nextLine(): Promise<string> {
    this.#lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    const { done, value } = await this.#lines.next();
    return done === true ? '' : value.trim();
  }
}

function readEnvFile(path: string): Variables {
  try {
    return parseEnv(readFileSync(path, 'utf8'));
  } catch (error) {
    throw usage(
      `Cannot read the file of --env (${(error as NodeJS.ErrnoException).code}): ${path}`,
      'Set --env to an env file that you can read, such as the one that introspect register wrote.',
    );
  }
}

/** The content of a file that an option or a variable names. */
export function readFileOf(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw usage(`${what} cannot be read: ${path}`);
  }
}

async function prompted(what: string): Promise<string> {
  const answer = await password({ message: what, output: process.stderr });
  if (isCancel(answer)) throw new Failure(exitCodes.interrupted, 'interrupted', 'Nothing was done');
  return String(answer ?? '').trim();
}
