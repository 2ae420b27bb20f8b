import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseEnv } from 'node:util';
import { isCancel, password } from '@clack/prompts';
import { exitCodes, Failure, usage } from '../failure.js';
import { isInteractive, type System } from './system.js';

type Variables = Readonly<Record<string, string | undefined>>;

/** One variable, or several from which the first that is set is read. */
export type Names = string | readonly string[];

/**
 * The settings of a command. An option overrides the environment, and the environment overrides the file of `--env`.
 *
 * Secrets have no option: other users see a command line, and shells store it.
 */
export class Settings {
  readonly #system: System;
  readonly #file: Variables;
  readonly #environment: Variables;
  readonly #hasFile: boolean;
  #lines: AsyncIterator<string> | undefined;
  /** The variables whose values were read from stdin, one a line. */
  readonly #fromStdin: string[] = [];

  /** @throws Failure if the file cannot be read */
  constructor(envFile: string | undefined, system: System) {
    this.#system = system;
    this.#hasFile = envFile !== undefined;
    this.#file = envFile === undefined ? {} : this.#readEnvFile(envFile);
    this.#environment = { ...system.env };
  }

  /**
   * Returns the option's value, or else that of the variable. An empty value counts as absent, but in the environment it
   * still hides the file.
   */
  text(option: string | undefined, variable: Names): string | undefined {
    return (
      option || firstOf(this.#environment, variable) || (this.#sets(variable) ? undefined : this.#ofFile(variable))
    );
  }

  /**
   * Returns a variable that belongs to another one: if the environment sets that one, the file must not add to it.
   */
  beside(other: Names, variable: Names): string | undefined {
    return this.#sets(other) ? firstOf(this.#environment, variable) : this.text(undefined, variable);
  }

  /** @throws Failure that names both the option and the variable */
  required(option: string | undefined, flag: string, variable: Names, what: string): string {
    const value = this.text(option, variable);
    if (value !== undefined) return value;
    throw usage(
      `${what} is missing`,
      `Give ${flag}, or set ${shown(variable)} in the environment or in the file of --env.${this.#unusedFile()}`,
    );
  }

  #sets(variable: Names): boolean {
    return [variable].flat().some((name) => this.#environment[name] !== undefined);
  }

  #ofFile(variable: Names): string | undefined {
    return firstOf(this.#file, variable);
  }

  /** A file is read only by --env: the file of a folder that others wrote could redirect secrets of the environment. */
  #unusedFile(): string {
    return !this.#hasFile && existsSync(this.pathOf('.env')) ? ' There is a file .env here: --env .env reads it.' : '';
  }

  /**
   * Returns a secret from the environment or the file. Otherwise prompts for it at a terminal, or reads the next line of
   * stdin.
   *
   * @throws Failure if it is missing
   */
  async secret(variable: Names, what: string): Promise<string> {
    const known =
      this.text(undefined, variable) ||
      (isInteractive(this.#system) ? await this.#prompt(what) : await this.#nextLine(variable, what));
    if (known) return known;
    const [first] = this.#fromStdin;
    throw usage(
      `${what} is missing`,
      first === undefined
        ? `Set ${shown(variable)} in the environment or in the file of --env, or write it to stdin. It is not taken from the command line.${this.#unusedFile()}`
        : `The first line of stdin was used for ${first}, which is not set. Set ${first}, or write ${shown(variable)} to the next line.`,
    );
  }

  /** Does not read to the end of stdin: the writer may never close it. */
  async #nextLine(variable: Names, what: string): Promise<string> {
    this.#lines ??= createInterface({ input: this.#system.stdin })[Symbol.asyncIterator]();
    const { done, value } = await this.#lines.next();
    if (done === true) return '';
    const line = value.trim();
    if (/secret$/.test(what) && looksLikeToken(line)) {
      throw usage(
        `${what} is missing`,
        `The line of stdin is a token. Set ${shown(variable)} in the environment or in the file of --env, or write it to stdin first.${this.#unusedFile()}`,
      );
    }
    this.#fromStdin.push(shown(variable));
    return line;
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

/** Returns the first of the variables that is set and not empty. */
function firstOf(source: Variables, variable: Names): string | undefined {
  return [variable]
    .flat()
    .map((name) => source[name])
    .find(Boolean);
}

function shown(variable: Names): string {
  return [variable].flat().join(' or ');
}

/** JWTs and JWEs begin like this. A client secret does not. */
function looksLikeToken(line: string): boolean {
  return /^(bearer\s+)?eyJ[\w-]+\./i.test(line);
}
