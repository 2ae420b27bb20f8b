import type { ManagementApi } from '../../zitadel/management-api.js';
import { ManagementFailure } from '../../zitadel/management-failure.js';
import type { RegistrationRecord } from './registration-record.js';

export interface Undone {
  readonly removed: readonly string[];
  /** What was not removed, and why. */
  readonly remaining: readonly string[];
}

/**
 * Removes from the server what a registration created. It does not remove what the registration found, and never a
 * person. Ignores what no longer exists.
 */
export async function undo(api: ManagementApi, record: RegistrationRecord): Promise<Undone> {
  const { project, app, serviceUser, keys, roles, grant } = record;
  const removed: string[] = [];
  const remaining: string[] = [];
  async function remove(what: string, call: () => Promise<void>): Promise<void> {
    await call();
    removed.push(what);
  }

  if (app?.made && project) await remove(`app ${app.name}`, () => api.removeApp(project.id, app.id));
  else if (app && project) {
    for (const key of keys) await remove(`key ${key}`, () => api.removeKey(project.id, app.id, key));
    remaining.push(`app ${app.name}: it existed before`);
  }
  if (serviceUser && (await api.isPerson(serviceUser.id))) {
    remaining.push(`user ${serviceUser.name}: a person, not a service user`);
  } else if (serviceUser?.made) await remove(`service user ${serviceUser.name}`, () => api.removeUser(serviceUser.id));
  else if (serviceUser) {
    if (grant) await remove(`grant of ${serviceUser.name}`, () => api.removeGrant(serviceUser.id, grant));
    remaining.push(`service user ${serviceUser.name}: it existed before`);
  }
  if (project === undefined) return { removed, remaining };
  const isShared = project.made && (await containsMore(api, record, project.id));
  for (const role of roles) await remove(`role ${role}`, () => api.removeRole(project.id, role));
  if (!project.made) remaining.push(`project ${project.name}: it existed before`);
  else if (isShared) remaining.push(`project ${project.name}: it contains something else now`);
  else await remove(`project ${project.name}`, () => api.removeProject(project.id));
  return { removed, remaining };
}

/** Returns whether a project contains apps or roles of others. A search may still show what was just removed. */
async function containsMore(
  api: ManagementApi,
  { app, roles }: RegistrationRecord,
  projectId: string,
): Promise<boolean> {
  try {
    if ((await api.appIds(projectId)).some((id) => id !== app?.id)) return true;
    return (await api.roles(projectId)).some((key) => !roles.includes(key));
  } catch (error) {
    if (error instanceof ManagementFailure && error.status === 404) return false; // it no longer exists
    throw error;
  }
}
