import { usage } from '../failure.js';
import { readIfThere, writePrivately } from './private-file.js';

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

/** @throws Failure when there is one that cannot be read */
export function readRecord(path: string): RegistrationRecord | undefined {
  const text = readIfThere(path);
  if (text === '') return undefined;
  try {
    const record = JSON.parse(text) as Partial<RegistrationRecord>;
    if (typeof record.issuer === 'string' && Array.isArray(record.roles) && Array.isArray(record.keys)) {
      return { finished: false, ...(record as Omit<RegistrationRecord, 'finished'>) };
    }
  } catch {}
  throw usage(`${path} is no record of a registration`, 'Remove it, or give another --out.');
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

  async note(changes: Partial<RegistrationRecord>): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    await writePrivately(this.#path, `${JSON.stringify(this.#record, null, 2)}\n`);
  }
}
