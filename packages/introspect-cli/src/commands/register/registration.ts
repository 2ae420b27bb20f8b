import type { Clock } from '../../clock.js';
import { exitCodes, Failure } from '../../failure.js';
import type { EnvChanges } from '../../files/env-file.js';
import type { App, AppMethod, ManagementApi } from '../../zitadel/management-api.js';
import { ManagementFailure } from '../../zitadel/management-failure.js';
import type { RegistrationRecord } from './registration-record.js';
import type { Survey, Wanted } from './survey.js';

/** Stores each step immediately: the server shows a secret only once. A dry run stores nothing. */
export interface Journal {
  readonly record: RegistrationRecord;
  saveRecord(changes: Partial<RegistrationRecord>): Promise<void>;
  saveVariables(changes: EnvChanges): Promise<void>;
  saveKeyFile(content: string): Promise<void>;
}

/** Whether an existing app or user gets new credentials. A new one always gets them. */
export interface Renewal {
  readonly app: boolean;
  readonly serviceUser: boolean;
}

interface Resource {
  readonly id: string;
  readonly name: string;
  readonly made: boolean;
}
type Credentials = { readonly credentials: 'new' | 'unchanged' };

/** The result of a registration, without secrets. `made` says whether this run created it. */
export interface Registered {
  readonly project: Resource;
  readonly roles: readonly { readonly key: string; readonly made: boolean }[];
  readonly app: Resource & Credentials & { readonly clientId: string; readonly method: AppMethod };
  readonly serviceUser?: Resource & Credentials;
}

const keyDays = 365;
/** The pauses between searches for something that exists but does not appear in searches yet. */
const searchPausesMs = [100, 200, 400, 800, 1600, 3200];

/** What a registration needs. */
export interface Plan {
  readonly api: ManagementApi;
  readonly wanted: Wanted;
  readonly existing: Survey;
  readonly renew: Renewal;
  readonly journal: Journal;
  readonly clock: Clock;
}

/** Creates what does not exist yet, and stores each step before the next. */
export async function registerApi(plan: Plan): Promise<Registered> {
  const project = await registerProject(plan);
  const roles = await registerRoles(plan, project.id);
  const app = await registerApp(plan, project.id);
  const { serviceUser: name } = plan.wanted;
  if (name === undefined) return { project, roles, app };
  return { project, roles, app, serviceUser: await registerServiceUser(plan, name, project.id) };
}

async function registerProject({ api, wanted: { project: name }, existing, journal, clock }: Plan): Promise<Resource> {
  const { value: id, created } = await findOrCreate(clock, existing.projectId, {
    create: () => api.addProject(name),
    find: async () => (await api.findProject(name))?.id,
  });
  await journal.saveRecord({ project: { id, name, made: created || isOurs(journal.record.project, id) } });
  return { id, name, made: created };
}

async function registerRoles(
  { api, wanted, existing, journal }: Plan,
  projectId: string,
): Promise<Registered['roles']> {
  const roles: { key: string; made: boolean }[] = [];
  for (const { key, displayName } of wanted.roles) {
    const isNew = !existing.roles.includes(key);
    const created = isNew && (await createUnlessExists(() => api.addRole(projectId, key, displayName)));
    if (created) await journal.saveRecord({ roles: [...journal.record.roles, key] });
    roles.push({ key, made: created });
  }
  return roles;
}

async function registerApp(plan: Plan, projectId: string): Promise<Registered['app']> {
  const { api, wanted, existing, renew, journal, clock } = plan;
  const { app: name, method = existing.app?.method ?? 'basic' } = wanted;
  const { value, created } = await findOrCreate<App & { clientSecret?: string | undefined }>(clock, existing.app, {
    create: () => api.addApp(projectId, name, method),
    find: () => api.findApp(projectId, name),
  });
  if (!created && existing.app === undefined) throw createdMeanwhile(`The app ${name}`);
  const { id, clientId, clientSecret } = value;
  await journal.saveRecord({ app: { id, name, clientId, made: created || isOurs(journal.record.app, id) } });
  const app = { id, name, made: created, clientId, method };
  const variables = { ZITADEL_PROJECT_ID: projectId, ZITADEL_CLIENT_ID: clientId };
  if (!created && !renew.app) {
    await journal.saveVariables(variables);
    return { ...app, credentials: 'unchanged' };
  }
  if (method === 'key') {
    const key = await api.addKey(projectId, id, new Date(Date.now() + keyDays * 86_400_000));
    await journal.saveRecord({ keys: [...journal.record.keys, key.id] });
    await journal.saveKeyFile(key.file);
    await journal.saveVariables(variables);
  } else {
    const secret = clientSecret ?? (await api.rotateSecret(projectId, id));
    await journal.saveVariables({ ...variables, ZITADEL_CLIENT_SECRET: secret });
  }
  return { ...app, credentials: 'new' };
}

async function registerServiceUser(plan: Plan, name: string, projectId: string): Promise<Resource & Credentials> {
  const { api, existing, renew, journal, clock } = plan;
  const { value: id, created } = await findOrCreate(clock, existing.userId, {
    create: () => api.addUser(name),
    find: async () => (await api.findUser(name))?.id,
  });
  if (!created && existing.userId === undefined) throw createdMeanwhile(`The user ${name}`);
  const { serviceUser } = journal.record;
  const recorded = { ...serviceUser, id, name, made: created || isOurs(serviceUser, id) };
  await journal.saveRecord({ serviceUser: recorded });
  await grantRoles(plan, id, projectId);
  if (!created && !renew.serviceUser) return { id, name, made: created, credentials: 'unchanged' };
  const { clientId, clientSecret } = await api.rotateUserSecret(id);
  await journal.saveRecord({ serviceUser: { ...recorded, clientId } });
  await journal.saveVariables({ ZITADEL_SERVICE_USER: clientId, ZITADEL_SERVICE_USER_SECRET: clientSecret });
  return { id, name, made: created, credentials: 'new' };
}

async function grantRoles(
  { api, wanted, existing, journal, clock }: Plan,
  userId: string,
  projectId: string,
): Promise<void> {
  const roleKeys = wanted.roles.map(({ key }) => key);
  if (roleKeys.length === 0) return;
  const { value: grant, created } = await findOrCreate(clock, existing.grant, {
    create: async () => ({ id: await api.addGrant(userId, projectId, roleKeys), roleKeys }),
    find: () => api.findGrant(userId, projectId),
  });
  if (created) await journal.saveRecord({ grant: grant.id });
  const granted = new Set([...grant.roleKeys, ...roleKeys]);
  if (granted.size > grant.roleKeys.length) await api.changeGrant(userId, grant.id, [...granted]);
}

/** Creates something that does not exist. If the server says that it exists after all, searches for it again. */
async function findOrCreate<Value>(
  clock: Clock,
  existing: Value | undefined,
  { create, find }: { create: () => Promise<Value>; find: () => Promise<Value | undefined> },
): Promise<{ value: Value; created: boolean }> {
  if (existing !== undefined) return { value: existing, created: false };
  try {
    return { value: await create(), created: true };
  } catch (error) {
    if (!isConflict(error)) throw error;
    for (const ms of searchPausesMs) {
      await clock.pause(ms);
      const value = await find();
      if (value !== undefined) return { value, created: false };
    }
    throw error;
  }
}

/** Returns false if it exists already. */
async function createUnlessExists(create: () => Promise<void>): Promise<boolean> {
  try {
    await create();
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof ManagementFailure && error.status === 409;
}

/** Returns whether an earlier run created it. */
function isOurs(recorded: { id: string; made: boolean } | undefined, id: string): boolean {
  return recorded?.id === id && recorded.made;
}

function createdMeanwhile(what: string): Failure {
  return new Failure(
    exitCodes.failed,
    'created_meanwhile',
    `${what} was created by someone else a moment ago`,
    'Run the command again.',
  );
}
