import { changedEnv, type EnvChanges } from '../../files/env-file.js';
import { readIfThere, writePrivately } from '../../files/private-file.js';
import type { AuthorizationServer } from '../../zitadel/authorization-server.js';
import type { AppMethod } from '../../zitadel/management-api.js';
import type { Keeping } from './registration.js';
import { type RegistrationFiles, saveVariables, variablesOf } from './registration-files.js';
import { RecordFile, type RegistrationRecord } from './registration-record.js';
import type { Wanted } from './survey.js';

/** Where a registration is kept, and what is known of it before anything is made. */
interface Place {
  readonly files: RegistrationFiles;
  readonly server: AuthorizationServer;
  readonly method: AppMethod;
}

/**
 * Sees to it, before anything is made, that its variables can be set in the env file.
 *
 * @throws Failure naming one that cannot
 */
export function checkVariables(place: Place, { serviceUser }: Wanted): void {
  const told = 'by-the-server';
  changedEnv(readIfThere(place.files.env), {
    ...{ ZITADEL_PROJECT_ID: told, ZITADEL_CLIENT_ID: told, ZITADEL_CLIENT_SECRET: told },
    ...(serviceUser !== undefined && { ZITADEL_SERVICE_USER: serviceUser, ZITADEL_SERVICE_USER_SECRET: told }),
    ...knownVariables(place),
  });
}

export function keepsNothing(record: RegistrationRecord): Keeping {
  const nothing = async () => {};
  return { record, note: nothing, saveVariables: nothing, saveKeyFile: nothing };
}

/** Keeps everything in its file, and writes none that would stay the same. */
export function keeps(place: Place, record: RegistrationRecord): Keeping & { readonly written: ReadonlySet<string> } {
  const { files } = place;
  const recordFile = new RecordFile(files.record, record);
  const written = new Set<string>();
  return {
    written,
    get record() {
      return recordFile.record;
    },
    note: (changes) => recordFile.note(changes),
    saveVariables: async (changes) => {
      if (await saveVariables(files, { ...knownVariables(place), ...changes })) written.add(files.env);
    },
    saveKeyFile: async (content) => {
      await writePrivately(files.key, content);
      written.add(files.key);
      await recordFile.note({ keyFile: files.key });
    },
  };
}

/** The variables that are known from the beginning, and those that would contradict them. */
function knownVariables({ files, server, method }: Place): EnvChanges {
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
