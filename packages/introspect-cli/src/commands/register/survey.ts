import { usage } from '../../failure.js';
import type { App, AppMethod, Grant, ManagementApi } from '../../zitadel/management-api.js';

export interface Role {
  readonly key: string;
  readonly displayName: string;
}

/** What must exist after the registration. */
export interface Wanted {
  readonly project: string;
  readonly app: string;
  readonly roles: readonly Role[];
  /** The method of a new app. An existing app stays as it is. */
  readonly method: AppMethod | undefined;
  /** The user name. */
  readonly serviceUser: string | undefined;
}

/** What of it exists already. */
export interface Survey {
  readonly projectId: string | undefined;
  readonly roles: readonly string[];
  readonly app: App | undefined;
  readonly userId: string | undefined;
  readonly grant: Grant | undefined;
}

/**
 * Finds everything by its name, and changes nothing.
 *
 * @throws Failure if the project is inactive, or if the user of this name is a person, who would get a secret and roles
 */
export async function survey(api: ManagementApi, wanted: Wanted): Promise<Survey> {
  const project = await api.findProject(wanted.project);
  if (project?.isInactive) {
    throw usage(
      `The project ${wanted.project} is inactive, so the server rejects the credentials of its apps`,
      'Activate it in the console, or set --project to another name.',
    );
  }
  const projectId = project?.id;
  const user = wanted.serviceUser === undefined ? undefined : await api.findUser(wanted.serviceUser);
  if (user?.isPerson) {
    throw usage(
      `The user ${wanted.serviceUser} is a person, not a service user`,
      'That person would get a client secret and the roles: set --service-user to a new name, or to the name of a service user.',
    );
  }
  const userId = user?.id;
  return {
    projectId,
    userId,
    roles: projectId === undefined || wanted.roles.length === 0 ? [] : await api.roles(projectId),
    app: projectId === undefined ? undefined : await api.findApp(projectId, wanted.app),
    grant: projectId === undefined || userId === undefined ? undefined : await api.findGrant(userId, projectId),
  };
}
