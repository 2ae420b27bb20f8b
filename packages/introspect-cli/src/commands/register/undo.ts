import type { ManagementApi } from '../../zitadel/management-api.js';
import { ManagementFailure } from '../../zitadel/management-failure.js';
import type { RegistrationRecord } from './registration-record.js';

export interface Undone {
  readonly removed: readonly string[];
  /** What stays, and why. */
  readonly kept: readonly string[];
}

/**
 * Removes from the server what a registration created. It does not remove what the registration found, and never a
 * person. Ignores what no longer exists.
 */
export async function undo(api: ManagementApi, record: RegistrationRecord): Promise<Undone> {
  const { project, app, serviceUser, keys, roles, grant } = record;
  const removed: string[] = [];
  const kept: string[] = [];
  async function remove(what: string, call: () => Promise<void>): Promise<void> {
    await call();
    removed.push(what);
  }

  if (app?.made && project) await remove(`app ${app.name}`, () => api.removeApp(project.id, app.id));
  else if (app && project) {
    for (const key of keys) await remove(`key ${key}`, () => api.removeKey(project.id, app.id, key));
    kept.push(`app ${app.name}: it was there before`);
  }
  if (serviceUser && (await api.isPerson(serviceUser.id))) {
    kept.push(`user ${serviceUser.name}: a person, not a service user`);
  } else if (serviceUser?.made) await remove(`service user ${serviceUser.name}`, () => api.removeUser(serviceUser.id));
  else if (serviceUser) {
    if (grant) await remove(`grant of ${serviceUser.name}`, () => api.removeGrant(serviceUser.id, grant));
    kept.push(`service user ${serviceUser.name}: it was there before`);
  }
  if (project === undefined) return { removed, kept };
  const isShared = project.made && (await holdsMore(api, record, project.id));
  for (const role of roles) await remove(`role ${role}`, () => api.removeRole(project.id, role));
  if (!project.made) kept.push(`project ${project.name}: it was there before`);
  else if (isShared) kept.push(`project ${project.name}: it holds something else by now`);
  else await remove(`project ${project.name}`, () => api.removeProject(project.id));
  return { removed, kept };
}

/** Whether a project holds apps or roles that were not made here. Searches may still show what was just removed. */
async function holdsMore(api: ManagementApi, { app, roles }: RegistrationRecord, projectId: string): Promise<boolean> {
  try {
    if ((await api.appIds(projectId)).some((id) => id !== app?.id)) return true;
    return (await api.roles(projectId)).some((key) => !roles.includes(key));
  } catch (error) {
    if (error instanceof ManagementFailure && error.status === 404) return false; // it is gone
    throw error;
  }
}
