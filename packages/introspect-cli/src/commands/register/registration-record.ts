import { isDeepStrictEqual } from 'node:util';
import { usage } from '../../failure.js';
import { readIfExists, writePrivately } from '../../files/private-file.js';

interface Resource {
  readonly id: string;
  readonly name: string;
  /** Whether this command created it. `--undo` removes nothing else. */
  readonly made: boolean;
}

/**
 * What a registration has created. It is stored beside the env file, so that `--undo` removes only that, and so that a
 * second run can finish an interrupted one. It contains no secret.
 */
export interface RegistrationRecord {
  readonly issuer: string;
  readonly organization?: string;
  readonly project?: Resource;
  /** The keys of the roles that were created. */
  readonly roles: readonly string[];
  readonly app?: Resource & { readonly clientId: string };
  /** The ids of the app's keys that were created. */
  readonly keys: readonly string[];
  readonly keyFile?: string;
  /** `clientId` is set when the user has a secret. */
  readonly serviceUser?: Resource & { readonly clientId?: string };
  /** The id of the service user's grant, if it was created. */
  readonly grant?: string;
  /** Whether the registration ran to its end. */
  readonly finished: boolean;
}

export const recordPathOf = (envFile: string) => `${envFile}.introspect.json`;

export function newRecord(issuer: string, organization: string | undefined): RegistrationRecord {
  return { issuer, ...(organization && { organization }), roles: [], keys: [], finished: false };
}

/** @throws Failure if the file exists and is not a record */
export function readRecord(path: string): RegistrationRecord | undefined {
  const text = readIfExists(path);
  if (text === '') return undefined;
  try {
    const record: unknown = JSON.parse(text);
    if (isRecord(record)) return record;
  } catch {}
  throw usage(`${path} is not a record of a registration`, 'Remove it, or give another --out.');
}

function isRecord(value: unknown): value is RegistrationRecord {
  const { issuer, organization, project, roles, app, keys, keyFile, serviceUser, grant, finished } = membersOf(value);
  return (
    isText(issuer) &&
    [organization, keyFile, grant, membersOf(serviceUser).clientId].every(
      (each) => each === undefined || isText(each),
    ) &&
    [project, app, serviceUser].every((each) => each === undefined || isResource(each)) &&
    (app === undefined || isText(membersOf(app).clientId)) &&
    [roles, keys].every((each) => Array.isArray(each) && each.every(isText)) &&
    typeof finished === 'boolean'
  );
}

function isResource(value: unknown): value is Resource {
  const { id, name, made } = membersOf(value);
  return isText(id) && isText(name) && typeof made === 'boolean';
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return Object(value) as Record<string, unknown>;
}

/** A record on disk. Each change is written before the next step begins. */
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

  /** Writes changes, and sets `finished` to false unless the changes set it. Does not write if nothing changes. */
  async save(changes: Partial<RegistrationRecord>): Promise<void> {
    const record = { ...this.#record, ...changes };
    if (isDeepStrictEqual(record, this.#record)) return;
    this.#record = { ...record, finished: changes.finished ?? false };
    await writePrivately(this.#path, `${JSON.stringify(this.#record, null, 2)}\n`);
  }
}
