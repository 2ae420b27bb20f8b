import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseEnv } from 'node:util';
import { isCancel, password } from '@clack/prompts';
import { exitCodes, Failure, usage } from '../failure.js';

type Variables = Readonly<Record<string, string | undefined>>;

/** Returns whether a person can be prompted. Prompts are shown on stderr, so stdout may be redirected. */
export const isInteractive = () => process.stdin.isTTY === true && process.stderr.isTTY === true;

/**
 * The settings of a command. An option overrides the environment, and the environment overrides the file of `--env`.
 *
 * Secrets have no option: other users see a command line, and shells store it.
 */
export class Settings {
  readonly #file: Variables;
  readonly #environment: Variables;
  #lines: AsyncIterator<string> | undefined;

  /** @throws Failure if the file cannot be read */
  constructor(envFile: string | undefined, environment: NodeJS.ProcessEnv) {
    this.#file = envFile === undefined ? {} : readEnvFile(envFile);
    this.#environment = { ...environment };
  }

  /** Returns the option's value, or else that of the variable. An empty value counts as absent. */
  text(option: string | undefined, variable: string): string | undefined {
    return option || (this.#environment[variable] ?? this.#file[variable]) || undefined;
  }

  /**
   * Returns a variable from the place that sets another one: a file must not add to settings of the environment.
   */
  beside(other: string, variable: string): string | undefined {
    const source = this.#environment[other] === undefined ? this.#file : this.#environment;
    return source[variable] || undefined;
  }

  /** @throws Failure that names both the option and the variable */
  required(option: string | undefined, flag: string, variable: string, what: string): string {
    const value = this.text(option, variable);
    if (value !== undefined) return value;
    throw usage(`${what} is missing`, `Give ${flag}, or set ${variable} in the environment or in the file of --env.`);
  }

  /**
   * Returns a secret from the environment or the file. Otherwise prompts for it at a terminal, or reads the next line of
   * stdin.
   *
   * @throws Failure if it is missing
   */
  async secret(variable: string, what: string): Promise<string> {
    const known = this.text(undefined, variable) || (isInteractive() ? await prompted(what) : await this.#nextLine());
    if (known) return known;
    throw usage(
      `${what} is missing`,
      `Set ${variable} in the environment or in the file of --env, or write it to stdin. It is not taken from the command line.`,
    );
  }

  /** Does not read to the end of stdin: the writer may never close it. */
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

/** Returns the content of a file that an option or a variable names. */
export function readFileOf(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw usage(`${what} cannot be read: ${path}`);
  }
}

async function prompted(what: string): Promise<string> {
  const typed = await password({ message: what, output: process.stderr });
  if (isCancel(typed)) throw new Failure(exitCodes.interrupted, 'interrupted', 'Nothing was done');
  return String(typed ?? '').trim();
}
