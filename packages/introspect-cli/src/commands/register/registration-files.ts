import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { usage } from '../../failure.js';
import { changedEnv, type EnvChanges } from '../../files/env-file.js';
import { checkWritable, exists, readIfExists, writePrivately } from '../../files/private-file.js';
import type { AppMethod } from '../../zitadel/management-api.js';
import { type RegistrationRecord, recordPathOf } from './registration-record.js';
import type { Undone } from './undo.js';

/** The files of a registration, as absolute paths. */
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

/** @param path the absolute path of the env file, with the key file beside it. If it ends in `.json`, it is the key file, with `.env` beside it. */
export function filesOf(path: string): RegistrationFiles {
  const isKey = basename(path).endsWith('.json');
  const env = isKey ? join(dirname(path), '.env') : path;
  return { env, key: isKey ? path : join(dirname(path), 'zitadel-key.json'), record: recordPathOf(env) };
}

interface CheckOptions {
  readonly method: AppMethod | undefined;
  readonly serviceUser: boolean;
  readonly force: boolean;
  readonly record: RegistrationRecord | undefined;
}

/**
 * Checks that only files of the same registration would be overwritten.
 *
 * @throws Failure if another file exists, unless `force` is true
 */
export function checkFiles(files: RegistrationFiles, { method, serviceUser, force, record }: CheckOptions): void {
  if (force) return;
  const isForeignEnv = exists(files.env) && !(record && isOwnEnv(variablesOf(files), { record, serviceUser }));
  const isForeignKey = method === 'key' && exists(files.key) && !(record && isOwnKey(files.key, record));
  if (!isForeignEnv && !isForeignKey) return;
  throw usage(
    `${isForeignEnv ? files.env : files.key} already exists, and is not overwritten`,
    'Set another --out, or use --force: it replaces only the variables of this command.',
  );
}

/** Returns whether the env file contains no credentials, or only those of this registration. */
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

/** Returns whether this registration wrote the key file. */
function isOwnKey(path: string, { app, keys }: RegistrationRecord): boolean {
  try {
    const { clientId, keyId } = Object(JSON.parse(readIfExists(path))) as Record<string, unknown>;
    return app !== undefined && clientId === app.clientId && keys.includes(String(keyId));
  } catch {
    return false;
  }
}

/**
 * Checks, before anything is created, that the files can be written: the server shows a secret only once.
 *
 * @throws Failure otherwise
 */
export async function checkFilesWritable({ env, key, record }: RegistrationFiles): Promise<void> {
  for (const path of [env, key, record]) await checkWritable(path);
}

export function variablesOf({ env }: RegistrationFiles): Readonly<Record<string, string | undefined>> {
  return parseEnv(readIfExists(env));
}

/** Sets these variables, and returns whether that changed the file. */
export async function saveVariables({ env }: RegistrationFiles, changes: EnvChanges): Promise<boolean> {
  const before = readIfExists(env);
  const after = changedEnv(before, changes);
  if (after === before) return false;
  await writePrivately(env, after);
  return true;
}

/** Returns whether the files already contain the credentials of this app. */
export function containCredentials(files: RegistrationFiles, clientId: string, method: AppMethod): boolean {
  const { ZITADEL_CLIENT_ID, ZITADEL_CLIENT_SECRET, ZITADEL_KEY_FILE = '' } = variablesOf(files);
  if (method === 'basic') return ZITADEL_CLIENT_ID === clientId && Boolean(ZITADEL_CLIENT_SECRET);
  try {
    return ZITADEL_KEY_FILE === files.key && JSON.parse(readIfExists(files.key)).clientId === clientId;
  } catch {
    return false;
  }
}

/** Removes the key file, the variables and the record of what was created. Does not remove what belongs to others now. */
export async function removeFiles(files: RegistrationFiles, record: RegistrationRecord): Promise<Undone> {
  const removed: string[] = [];
  const remaining: string[] = [];
  const key = record.keyFile === undefined ? undefined : join(dirname(files.env), basename(record.keyFile));
  if (key !== undefined && exists(key)) {
    if (isOwnKey(key, record)) {
      await rm(key);
      removed.push(key);
    } else remaining.push(`${key}: it contains something else now`);
  }
  const names = writtenVariables(variablesOf(files), record);
  if (names.length > 0) {
    const rest = changedEnv(readIfExists(files.env), Object.fromEntries(names.map((name) => [name, undefined])));
    if (rest.trim() === '') await rm(files.env);
    else await writePrivately(files.env, rest);
    removed.push(rest.trim() === '' ? files.env : `the ZITADEL_ variables in ${files.env}`);
  }
  await rm(files.record, { force: true });
  return { removed, remaining };
}

/** Returns the names of the variables of what was created. */
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
