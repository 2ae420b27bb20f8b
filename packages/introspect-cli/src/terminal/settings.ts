import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseEnv } from 'node:util';
import { isCancel, password } from '@clack/prompts';
import { exitCodes, Failure, usage } from '../failure.js';
import { isInteractive, type System } from './system.js';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The settings of a command. An option overrides the environment, and the environment overrides the file of `--env`.
 *
 * Secrets have no option: other users see a command line, and shells store it.
 */
export class Settings {
  readonly #system: System;
  readonly #file: Variables;
  readonly #environment: Variables;
  #lines: AsyncIterator<string> | undefined;
  /** The variables whose values were read from stdin, one a line. */
  readonly #fromStdin: string[] = [];

  /** @throws Failure if the file cannot be read */
  constructor(envFile: string | undefined, system: System) {
    this.#system = system;
    this.#file = envFile === undefined ? {} : this.#readEnvFile(envFile);
    this.#environment = { ...system.env };
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
    const known =
      this.text(undefined, variable) ||
      (isInteractive(this.#system) ? await this.#prompt(what) : await this.#nextLine(variable));
    if (known) return known;
    const [first] = this.#fromStdin;
    throw usage(
      `${what} is missing`,
      first === undefined
        ? `Set ${variable} in the environment or in the file of --env, or write it to stdin. It is not taken from the command line.`
        : `The first line of stdin was used for ${first}, which is not set. Set ${first}, or write ${variable} to the next line.`,
    );
  }

  /** Does not read to the end of stdin: the writer may never close it. */
  async #nextLine(variable: string): Promise<string> {
    this.#lines ??= createInterface({ input: this.#system.stdin })[Symbol.asyncIterator]();
    const { done, value } = await this.#lines.next();
    if (done === true) return '';
    this.#fromStdin.push(variable);
    return value.trim();
  }

  async #prompt(what: string): Promise<string> {
    const { stdin: input, stderr: output } = this.#system;
    const typed = await password({ message: what, input, output });
    if (isCancel(typed)) throw new Failure(exitCodes.interrupted, 'interrupted', 'Nothing was done');
    return String(typed ?? '').trim();
  }

  /** Returns the absolute path of a file that an option or a variable names. */
  pathOf(name: string): string {
    return resolve(this.#system.cwd(), name);
  }

  /** @throws Failure if the file cannot be read */
  readFile(name: string, what: string): string {
    try {
      return readFileSync(this.pathOf(name), 'utf8');
    } catch {
      throw usage(`${what} cannot be read: ${name}`);
    }
  }

  #readEnvFile(name: string): Variables {
    try {
      return parseEnv(readFileSync(this.pathOf(name), 'utf8'));
    } catch (error) {
      throw usage(
        `Cannot read the file of --env (${(error as NodeJS.ErrnoException).code}): ${name}`,
        'Set --env to an env file that you can read, such as the one that introspect register wrote.',
      );
    }
  }
}
