import { rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { usage } from '../../failure.js';
import { changedEnv, type EnvChanges } from '../../files/env-file.js';
import { checkWritable, isThere, readIfThere, writePrivately } from '../../files/private-file.js';
import type { AppMethod } from '../../zitadel/management-api.js';
import { type RegistrationRecord, recordPathOf } from './registration-record.js';
import type { Undone } from './undo.js';

/** Where a registration is written: absolute paths. */
export interface RegistrationFiles {
  readonly env: string;
  readonly key: string;
  readonly record: string;
}

const appVariables = [
  'ZITADEL_ISSUER',
  'ZITADEL_INSTANCE_HOST',
  'ZITADEL_PROJECT_ID',
  'ZITADEL_CLIENT_ID',
  'ZITADEL_CLIENT_SECRET',
  'ZITADEL_KEY_FILE',
];
const userVariables = ['ZITADEL_SERVICE_USER', 'ZITADEL_SERVICE_USER_SECRET'];

/** @param out the env file, with the key file beside it; where it ends in `.json` the other way round */
export function filesOf(out: string): RegistrationFiles {
  const path = resolve(out);
  const isKey = basename(path).endsWith('.json');
  const env = isKey ? join(dirname(path), '.env') : path;
  return { env, key: isKey ? path : join(dirname(path), 'zitadel-key.json'), record: recordPathOf(env) };
}

interface Writing {
  readonly method: AppMethod | undefined;
  readonly serviceUser: boolean;
  readonly force: boolean;
  readonly record: RegistrationRecord | undefined;
}

/**
 * What an earlier run of the same registration has written may be replaced, and nothing else.
 *
 * @throws Failure when another file is there, and no force is allowed
 */
export function checkFiles(files: RegistrationFiles, { method, serviceUser, force, record }: Writing): void {
  if (force) return;
  const isForeignEnv = isThere(files.env) && !(record && isOwnEnv(variablesOf(files), { record, serviceUser }));
  const isForeignKey = method === 'key' && isThere(files.key) && !(record && isOwnKey(files.key, record));
  if (!isForeignEnv && !isForeignKey) return;
  throw usage(
    `${isForeignEnv ? files.env : files.key} is there already, and is not overwritten`,
    'Give another --out, or --force: it replaces its own variables, and keeps the others.',
  );
}

/** Whether there are no credentials in it but those of this registration. */
function isOwnEnv(
  variables: Readonly<Record<string, string | undefined>>,
  { record, serviceUser }: { record: RegistrationRecord; serviceUser: boolean },
): boolean {
  const { ZITADEL_CLIENT_ID: id, ZITADEL_CLIENT_SECRET: secret, ZITADEL_KEY_FILE: keyFile } = variables;
  const { ZITADEL_SERVICE_USER: user, ZITADEL_SERVICE_USER_SECRET: userSecret } = variables;
  const isOwnApp = id === undefined ? !secret && !keyFile : id === record.app?.clientId;
  const isOwnUser = user === undefined ? !userSecret : user === record.serviceUser?.clientId;
  return isOwnApp && (isOwnUser || !serviceUser);
}

/** Whether it is a key file that this registration was given. */
function isOwnKey(path: string, { app, keys }: RegistrationRecord): boolean {
  try {
    const { clientId, keyId } = Object(JSON.parse(readIfThere(path))) as Record<string, unknown>;
    return app !== undefined && clientId === app.clientId && keys.includes(String(keyId));
  } catch {
    return false;
  }
}

/**
 * Sees to it, before anything is made, that what the server tells only once can be written.
 *
 * @throws Failure otherwise
 */
export async function checkFilesWritable({ env, key, record }: RegistrationFiles): Promise<void> {
  for (const path of [env, key, record]) await checkWritable(path);
}

export function variablesOf({ env }: RegistrationFiles): Readonly<Record<string, string | undefined>> {
  return parseEnv(readIfThere(env));
}

/** Sets these variables, and tells whether that changed anything. */
export async function saveVariables({ env }: RegistrationFiles, changes: EnvChanges): Promise<boolean> {
  const before = readIfThere(env);
  const after = changedEnv(before, changes);
  if (after === before) return false;
  await writePrivately(env, after);
  return true;
}

/** Whether the credentials of this app are in the files already. */
export function holdsCredentials(files: RegistrationFiles, clientId: string, method: AppMethod): boolean {
  const { ZITADEL_CLIENT_ID, ZITADEL_CLIENT_SECRET, ZITADEL_KEY_FILE = '' } = variablesOf(files);
  if (method === 'basic') return ZITADEL_CLIENT_ID === clientId && Boolean(ZITADEL_CLIENT_SECRET);
  try {
    return ZITADEL_KEY_FILE === files.key && JSON.parse(readIfThere(files.key)).clientId === clientId;
  } catch {
    return false;
  }
}

/** Removes what was written for things that were made, as long as it is that by now. Other variables stay. */
export async function removeFiles(files: RegistrationFiles, record: RegistrationRecord): Promise<Undone> {
  const removed: string[] = [];
  const kept: string[] = [];
  const key = record.keyFile === undefined ? undefined : join(dirname(files.env), basename(record.keyFile));
  if (key !== undefined && isThere(key)) {
    if (isOwnKey(key, record)) {
      await rm(key);
      removed.push(key);
    } else kept.push(`${key}: it holds something else by now`);
  }
  const names = writtenVariables(variablesOf(files), record);
  if (names.length > 0) {
    const rest = changedEnv(readIfThere(files.env), Object.fromEntries(names.map((name) => [name, undefined])));
    if (rest.trim() === '') await rm(files.env);
    else await writePrivately(files.env, rest);
    removed.push(rest.trim() === '' ? files.env : `the ZITADEL_ variables in ${files.env}`);
  }
  await rm(files.record, { force: true });
  return { removed, kept };
}

/** The names of the variables that stand for things that were made. */
function writtenVariables(
  { ZITADEL_CLIENT_ID, ZITADEL_INSTANCE_HOST, ZITADEL_SERVICE_USER }: Readonly<Record<string, string | undefined>>,
  { app, serviceUser }: RegistrationRecord,
): string[] {
  const isOwnApp = app?.made && ZITADEL_CLIENT_ID === app.clientId;
  return [
    ...(isOwnApp ? appVariables : []),
    ...(isOwnApp && ZITADEL_INSTANCE_HOST !== undefined ? ['INTROSPECTION_ENDPOINT'] : []),
    ...(serviceUser?.made && ZITADEL_SERVICE_USER === serviceUser.clientId ? userVariables : []),
  ];
}
