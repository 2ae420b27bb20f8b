import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { usage } from '../failure.js';
import { changedEnv, type EnvChanges } from './env-file.js';
import type { AppMethod } from './management-api.js';
import { checkWritable, readIfThere, writePrivately } from './private-file.js';
import { type RegistrationRecord, recordPathOf } from './registration-record.js';

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

/** @throws Failure when a file is there that is not to be overwritten */
export function checkFiles(
  files: RegistrationFiles,
  { method, force, record }: { method: AppMethod | undefined; force: boolean; record: RegistrationRecord | undefined },
): void {
  const isOurs = record !== undefined && !record.finished; // an interrupted run is finished
  const written = method === 'key' ? [files.env, files.key] : [files.env];
  for (const path of written) {
    if (!existsSync(path) || force || isOurs) continue;
    throw usage(
      `${path} is there already, and is not overwritten`,
      'Give another --out, or --force: it replaces the ZITADEL_ variables, and keeps the others.',
    );
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

export async function saveVariables({ env }: RegistrationFiles, changes: EnvChanges): Promise<void> {
  await writePrivately(env, changedEnv(readIfThere(env), changes));
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

/** Removes what stood for things that were made, and returns what was removed. Other variables stay. */
export async function removeFiles(files: RegistrationFiles, record: RegistrationRecord): Promise<string[]> {
  const { app, serviceUser, keys, keyFile } = record;
  const removed: string[] = [];
  if (keyFile !== undefined && existsSync(keyFile) && (app?.made || keys.length > 0)) {
    await rm(keyFile);
    removed.push(keyFile);
  }
  const isOfApp = app === undefined || variablesOf(files).ZITADEL_CLIENT_ID === app.clientId;
  const names = [...(app?.made ? appVariables : []), ...(serviceUser?.made ? userVariables : [])];
  if (existsSync(files.env) && isOfApp && names.length > 0) {
    const rest = changedEnv(readIfThere(files.env), Object.fromEntries(names.map((name) => [name, undefined])));
    if (rest.trim() === '') await rm(files.env);
    else await writePrivately(files.env, rest);
    removed.push(rest.trim() === '' ? files.env : `the ZITADEL_ variables in ${files.env}`);
  }
  await rm(files.record, { force: true });
  return removed;
}
