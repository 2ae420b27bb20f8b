import { changedEnv, type EnvChanges } from '../../files/env-file.js';
import { readIfExists, writePrivately } from '../../files/private-file.js';
import type { AuthorizationServer } from '../../zitadel/authorization-server.js';
import type { AppMethod } from '../../zitadel/management-api.js';
import type { Journal } from './registration.js';
import { type RegistrationFiles, saveVariables, variablesOf } from './registration-files.js';
import { RecordFile, type RegistrationRecord } from './registration-record.js';
import type { Wanted } from './survey.js';

/** The files of a registration, and what is known of it before anything is created. */
interface Location {
  readonly files: RegistrationFiles;
  readonly server: AuthorizationServer;
  readonly method: AppMethod;
}

/**
 * Checks, before anything is created, that the variables can be written to the env file.
 *
 * @throws Failure naming a variable that cannot
 */
export function checkVariables(location: Location, { serviceUser }: Wanted): void {
  const placeholder = 'by-the-server';
  changedEnv(readIfExists(location.files.env), {
    ...{ ZITADEL_PROJECT_ID: placeholder, ZITADEL_CLIENT_ID: placeholder, ZITADEL_CLIENT_SECRET: placeholder },
    ...(serviceUser !== undefined && { ZITADEL_SERVICE_USER: serviceUser, ZITADEL_SERVICE_USER_SECRET: placeholder }),
    ...knownVariables(location),
  });
}

/** Returns the journal of a dry run. It writes nothing. */
export function dryJournal(record: RegistrationRecord): Journal {
  const nothing = async () => {};
  return { record, saveRecord: nothing, saveVariables: nothing, saveKeyFile: nothing };
}

/** Returns a journal that writes each step to its file. It writes no file whose content would stay the same. */
export function fileJournal(
  location: Location,
  record: RegistrationRecord,
): Journal & { readonly written: ReadonlySet<string> } {
  const { files } = location;
  const recordFile = new RecordFile(files.record, record);
  const written = new Set<string>();
  return {
    written,
    get record() {
      return recordFile.record;
    },
    saveRecord: (changes) => recordFile.save(changes),
    saveVariables: async (changes) => {
      if (await saveVariables(files, { ...knownVariables(location), ...changes })) written.add(files.env);
    },
    saveKeyFile: async (content) => {
      await writePrivately(files.key, content);
      written.add(files.key);
      await recordFile.save({ keyFile: files.key });
    },
  };
}

/** Returns the variables that are known from the beginning, and removes those that would contradict them. */
function knownVariables({ files, server, method }: Location): EnvChanges {
  const { issuer, address, instanceHost } = server;
  const isInternal = new URL(issuer).origin !== new URL(address).origin;
  const wasInternal = variablesOf(files).ZITADEL_INSTANCE_HOST !== undefined;
  return {
    ZITADEL_ISSUER: issuer,
    ...(wasInternal && { ZITADEL_INSTANCE_HOST: undefined, INTROSPECTION_ENDPOINT: undefined }),
    ...(instanceHost !== undefined && { ZITADEL_INSTANCE_HOST: instanceHost }),
    ...(isInternal && { INTROSPECTION_ENDPOINT: server.endpoint('introspection_endpoint') }),
    ...(method === 'key'
      ? { ZITADEL_KEY_FILE: files.key, ZITADEL_CLIENT_SECRET: undefined }
      : { ZITADEL_KEY_FILE: undefined }),
  };
}
