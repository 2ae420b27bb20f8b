import { isDeepStrictEqual } from 'node:util';
import { usage } from '../../failure.js';
import { readIfThere, writePrivately } from '../../files/private-file.js';

interface Thing {
  readonly id: string;
  readonly name: string;
  /** Made by this command, not found: only then is it removed again. */
  readonly made: boolean;
}

/**
 * What a registration has made, kept beside its env file so that `--undo` removes that and nothing else, and a run that
 * was interrupted can be finished. It holds no secret.
 */
export interface RegistrationRecord {
  readonly issuer: string;
  readonly organization?: string;
  readonly project?: Thing;
  /** The keys of the roles that were made. */
  readonly roles: readonly string[];
  readonly app?: Thing & { readonly clientId: string };
  /** The ids of the app's keys that were made. */
  readonly keys: readonly string[];
  readonly keyFile?: string;
  /** With the name by which it proves itself, once it has a secret. */
  readonly serviceUser?: Thing & { readonly clientId?: string };
  /** The id of the service user's grant, where one was made. */
  readonly grant?: string;
  /** Whether everything was done, to the end. */
  readonly finished: boolean;
}

export const recordPathOf = (envFile: string) => `${envFile}.introspect.json`;

export function newRecord(issuer: string, organization: string | undefined): RegistrationRecord {
  return { issuer, ...(organization && { organization }), roles: [], keys: [], finished: false };
}

/** @throws Failure when there is one that cannot be read */
export function readRecord(path: string): RegistrationRecord | undefined {
  const text = readIfThere(path);
  if (text === '') return undefined;
  try {
    const record: unknown = JSON.parse(text);
    if (isRecord(record)) return record;
  } catch {}
  throw usage(`${path} is no record of a registration`, 'Remove it, or give another --out.');
}

function isRecord(value: unknown): value is RegistrationRecord {
  const { issuer, organization, project, roles, app, keys, keyFile, serviceUser, grant, finished } = membersOf(value);
  return (
    isText(issuer) &&
    [organization, keyFile, grant, membersOf(serviceUser).clientId].every(
      (each) => each === undefined || isText(each),
    ) &&
    [project, app, serviceUser].every((each) => each === undefined || isThing(each)) &&
    (app === undefined || isText(membersOf(app).clientId)) &&
    [roles, keys].every((each) => Array.isArray(each) && each.every(isText)) &&
    typeof finished === 'boolean'
  );
}

function isThing(value: unknown): value is Thing {
  const { id, name, made } = membersOf(value);
  return isText(id) && isText(name) && typeof made === 'boolean';
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value) as Record<string, unknown>;
}

/** A record on disk: what is noted is there before the next step begins. */
export class RecordFile {
  readonly #path: string;
  #record: RegistrationRecord;

  constructor(path: string, record: RegistrationRecord) {
    this.#path = path;
    this.#record = record;
  }

  get record(): RegistrationRecord {
    return this.#record;
  }

  /** Something new makes a registration unfinished, until that is noted. What is known already is not written again. */
  async note(changes: Partial<RegistrationRecord>): Promise<void> {
    const record = { ...this.#record, ...changes };
    if (isDeepStrictEqual(record, this.#record)) return;
    this.#record = { ...record, finished: changes.finished ?? false };
    await writePrivately(this.#path, `${JSON.stringify(this.#record, null, 2)}\n`);
  }
}
