import { setTimeout as delay } from 'node:timers/promises';
import { exitCodes, Failure } from '../../failure.js';
import type { EnvChanges } from '../../files/env-file.js';
import type { App, AppMethod, ManagementApi } from '../../zitadel/management-api.js';
import { ManagementFailure } from '../../zitadel/management-failure.js';
import type { RegistrationRecord } from './registration-record.js';
import type { Survey, Wanted } from './survey.js';

/** Where what happens is kept, at once: a secret is shown by the server only once. A dry run keeps nothing. */
export interface Keeping {
  readonly record: RegistrationRecord;
  note(changes: Partial<RegistrationRecord>): Promise<void>;
  saveVariables(changes: EnvChanges): Promise<void>;
  saveKeyFile(content: string): Promise<void>;
}

/** Whether new credentials are made where the app or the user is there already. Those of new ones always are. */
export interface Renewal {
  readonly app: boolean;
  readonly serviceUser: boolean;
}

interface Thing {
  readonly id: string;
  readonly name: string;
  readonly made: boolean;
}
type Credentials = { readonly credentials: 'new' | 'kept' };

/** What is there in the end, without secrets. */
export interface Registered {
  readonly project: Thing;
  readonly roles: readonly { readonly key: string; readonly made: boolean }[];
  readonly app: Thing & Credentials & { readonly clientId: string; readonly method: AppMethod };
  readonly serviceUser?: Thing & Credentials;
}

const keyDays = 365;
/** How long a search is repeated for what must be there, since it could not be made a second time. */
const searchPausesMs = [100, 200, 400, 800, 1600, 3200];

/** What a registration goes by. */
export interface Plan {
  readonly api: ManagementApi;
  readonly wanted: Wanted;
  readonly there: Survey;
  readonly renew: Renewal;
  readonly keeping: Keeping;
}

/** Makes what the survey did not find, each step noted before the next. */
export async function registerApi(plan: Plan): Promise<Registered> {
  const project = await projectOf(plan);
  const roles = await rolesOf(plan, project.id);
  const app = await appOf(plan, project.id);
  const { serviceUser: name } = plan.wanted;
  if (name === undefined) return { project, roles, app };
  return { project, roles, app, serviceUser: await serviceUserOf(plan, name, project.id) };
}

async function projectOf({ api, wanted: { project: name }, there, keeping }: Plan): Promise<Thing> {
  const { thing: id, made } = await findOrMake(there.projectId, {
    make: () => api.addProject(name),
    find: () => api.findProject(name),
  });
  await keeping.note({ project: { id, name, made: made || isOurs(keeping.record.project, id) } });
  return { id, name, made };
}

async function rolesOf({ api, wanted, there, keeping }: Plan, projectId: string): Promise<Registered['roles']> {
  const roles: { key: string; made: boolean }[] = [];
  for (const { key, displayName } of wanted.roles) {
    const made = !there.roles.includes(key) && (await isMade(() => api.addRole(projectId, key, displayName)));
    if (made) await keeping.note({ roles: [...keeping.record.roles, key] });
    roles.push({ key, made });
  }
  return roles;
}

async function appOf({ api, wanted, there, renew, keeping }: Plan, projectId: string): Promise<Registered['app']> {
  const { app: name, method = there.app?.method ?? 'basic' } = wanted;
  const { thing, made } = await findOrMake<App & { clientSecret?: string | undefined }>(there.app, {
    make: () => api.addApp(projectId, name, method),
    find: () => api.findApp(projectId, name),
  });
  if (!made && there.app === undefined) throw madeMeanwhile(`The app ${name}`);
  const { id, clientId, clientSecret } = thing;
  await keeping.note({ app: { id, name, clientId, made: made || isOurs(keeping.record.app, id) } });
  const app = { id, name, made, clientId, method };
  const variables = { ZITADEL_PROJECT_ID: projectId, ZITADEL_CLIENT_ID: clientId };
  if (!made && !renew.app) {
    await keeping.saveVariables(variables);
    return { ...app, credentials: 'kept' };
  }
  if (method === 'key') {
    const key = await api.addKey(projectId, id, new Date(Date.now() + keyDays * 86_400_000));
    await keeping.note({ keys: [...keeping.record.keys, key.id] });
    await keeping.saveKeyFile(key.file);
    await keeping.saveVariables(variables);
  } else {
    const secret = clientSecret ?? (await api.rotateSecret(projectId, id));
    await keeping.saveVariables({ ...variables, ZITADEL_CLIENT_SECRET: secret });
  }
  return { ...app, credentials: 'new' };
}

async function serviceUserOf(plan: Plan, name: string, projectId: string): Promise<Thing & Credentials> {
  const { api, there, renew, keeping } = plan;
  const { thing: id, made } = await findOrMake(there.userId, {
    make: () => api.addUser(name),
    find: async () => (await api.findUser(name))?.id,
  });
  if (!made && there.userId === undefined) throw madeMeanwhile(`The user ${name}`);
  const noted = { ...keeping.record.serviceUser, id, name, made: made || isOurs(keeping.record.serviceUser, id) };
  await keeping.note({ serviceUser: noted });
  await grantRoles(plan, id, projectId);
  if (!made && !renew.serviceUser) return { id, name, made, credentials: 'kept' };
  const { clientId, clientSecret } = await api.rotateUserSecret(id);
  await keeping.note({ serviceUser: { ...noted, clientId } });
  await keeping.saveVariables({ ZITADEL_SERVICE_USER: clientId, ZITADEL_SERVICE_USER_SECRET: clientSecret });
  return { id, name, made, credentials: 'new' };
}

async function grantRoles({ api, wanted, there, keeping }: Plan, userId: string, projectId: string): Promise<void> {
  const roleKeys = wanted.roles.map(({ key }) => key);
  if (roleKeys.length === 0) return;
  const { thing: grant, made } = await findOrMake(there.grant, {
    make: async () => ({ id: await api.addGrant(userId, projectId, roleKeys), roleKeys }),
    find: () => api.findGrant(userId, projectId),
  });
  if (made) await keeping.note({ grant: grant.id });
  const granted = new Set([...grant.roleKeys, ...roleKeys]);
  if (granted.size > grant.roleKeys.length) await api.changeGrant(userId, grant.id, [...granted]);
}

/** What is there, or is made; what turns out to be there when it is made is searched for again. */
async function findOrMake<Thing>(
  there: Thing | undefined,
  { make, find }: { make: () => Promise<Thing>; find: () => Promise<Thing | undefined> },
): Promise<{ thing: Thing; made: boolean }> {
  if (there !== undefined) return { thing: there, made: false };
  try {
    return { thing: await make(), made: true };
  } catch (error) {
    if (!isConflict(error)) throw error;
    for (const ms of searchPausesMs) {
      await delay(ms);
      const thing = await find();
      if (thing !== undefined) return { thing, made: false };
    }
    throw error;
  }
}

async function isMade(make: () => Promise<void>): Promise<boolean> {
  try {
    await make();
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof ManagementFailure && error.status === 409;
}

/** Whether an earlier run has made it. */
function isOurs(noted: { id: string; made: boolean } | undefined, id: string): boolean {
  return noted?.id === id && noted.made;
}

function madeMeanwhile(what: string): Failure {
  return new Failure(
    exitCodes.failed,
    'made_meanwhile',
    `${what} is there since a moment ago`,
    'Run the command again.',
  );
}
