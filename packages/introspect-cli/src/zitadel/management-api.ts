import { type ManagementClient, type Members, type PlannedCall, segment, text } from './management-client.js';
import { ManagementFailure } from './management-failure.js';

export type AppMethod = 'basic' | 'key';

export interface App {
  readonly id: string;
  /** Empty if the app of this name is not an API app. */
  readonly clientId: string;
  readonly method: AppMethod;
  /** Whether it was deactivated: the server then rejects its credentials. */
  readonly isInactive: boolean;
}

export interface Project {
  readonly id: string;
  /** Whether it was deactivated: the server then rejects the credentials of its apps. */
  readonly isInactive: boolean;
}

export interface User {
  readonly id: string;
  /** Whether the user is not a service user. A person gets no client secret, and is never removed. */
  readonly isPerson: boolean;
}

export interface Grant {
  readonly id: string;
  readonly roleKeys: readonly string[];
}

/**
 * The part of ZITADEL's management API (v1) that registers an API. Each function throws a Failure if the server rejects
 * the call.
 */
export class ManagementApi {
  readonly #client: ManagementClient;

  constructor(client: ManagementClient) {
    this.#client = client;
  }

  /** The calls that a dry run did not send. */
  get planned(): readonly PlannedCall[] {
    return this.#client.planned;
  }

  /** Leaves out the project of the instance itself, in which no API of others belongs. */
  async projects(): Promise<{ id: string; name: string }[]> {
    const own = await this.#instanceProject();
    const all = (await this.#client.searchAll('/projects/_search')).map((each) => ({
      id: text(each, 'id'),
      name: text(each, 'name'),
    }));
    return all.filter(({ id }) => id !== own);
  }

  /** Returns undefined if the server does not name it: then the project is in the list, as in the console. */
  async #instanceProject(): Promise<unknown> {
    try {
      return (await this.#client.call('GET', '/iam')).iamProjectId;
    } catch (error) {
      if (error instanceof ManagementFailure) return undefined;
      throw error;
    }
  }

  async findProject(name: string): Promise<Project | undefined> {
    const found = await this.#client.search('/projects/_search', { queries: [{ nameQuery: equal({ name }) }] });
    const project = found.find((each) => each.name === name);
    return project && { id: text(project, 'id'), isInactive: project.state === 'PROJECT_STATE_INACTIVE' };
  }

  async addProject(name: string): Promise<string> {
    const project = await this.#client.write(
      'POST',
      '/projects',
      { name, projectRoleAssertion: true },
      { id: 'projectId' },
    );
    return text(project, 'id');
  }

  async removeProject(id: string): Promise<void> {
    await this.#client.remove(`/projects/${segment(id)}`);
  }

  async roles(projectId: string): Promise<string[]> {
    return (await this.#client.searchAll(`/projects/${segment(projectId)}/roles/_search`)).map((each) =>
      text(each, 'key'),
    );
  }

  async addRole(projectId: string, roleKey: string, displayName: string): Promise<void> {
    await this.#client.write('POST', `/projects/${segment(projectId)}/roles`, { roleKey, displayName });
  }

  async removeRole(projectId: string, roleKey: string): Promise<void> {
    await this.#client.remove(`/projects/${segment(projectId)}/roles/${segment(roleKey)}`);
  }

  async appIds(projectId: string): Promise<string[]> {
    return (await this.#client.searchAll(`/projects/${segment(projectId)}/apps/_search`)).map((each) =>
      text(each, 'id'),
    );
  }

  async findApp(projectId: string, name: string): Promise<App | undefined> {
    const queries = [{ nameQuery: equal({ name }) }];
    const found = await this.#client.search(`/projects/${segment(projectId)}/apps/_search`, { queries });
    const app = found.find((each) => each.name === name);
    if (app === undefined) return undefined;
    const { clientId = '', authMethodType } = Object(app.apiConfig) as Members;
    const method = authMethodType === 'API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT' ? 'key' : 'basic'; // the server leaves the default out
    const isInactive = app.state === 'APP_STATE_INACTIVE';
    return { id: text(app, 'id'), clientId: String(clientId), method, isInactive };
  }

  async addApp(
    projectId: string,
    name: string,
    method: AppMethod,
  ): Promise<App & { clientSecret: string | undefined }> {
    const type = method === 'key' ? 'PRIVATE_KEY_JWT' : 'BASIC';
    const app = await this.#client.write(
      'POST',
      `/projects/${segment(projectId)}/apps/api`,
      { name, authMethodType: `API_AUTH_METHOD_TYPE_${type}` },
      { appId: 'appId', clientId: 'clientId', clientSecret: 'clientSecret' },
    );
    const clientSecret = method === 'basic' ? text(app, 'clientSecret') : undefined;
    return { id: text(app, 'appId'), clientId: text(app, 'clientId'), method, isInactive: false, clientSecret };
  }

  async removeApp(projectId: string, appId: string): Promise<void> {
    await this.#client.remove(`/projects/${segment(projectId)}/apps/${segment(appId)}`);
  }

  async addKey(projectId: string, appId: string, expires: Date): Promise<{ id: string; file: string }> {
    const path = `/projects/${segment(projectId)}/apps/${segment(appId)}/keys`;
    const body = { type: 'KEY_TYPE_JSON', expirationDate: expires.toISOString() };
    const key = await this.#client.write('POST', path, body, { id: 'keyId', keyDetails: 'keyDetails' });
    return { id: text(key, 'id'), file: Buffer.from(text(key, 'keyDetails'), 'base64').toString() };
  }

  async removeKey(projectId: string, appId: string, keyId: string): Promise<void> {
    await this.#client.remove(`/projects/${segment(projectId)}/apps/${segment(appId)}/keys/${segment(keyId)}`);
  }

  async rotateSecret(projectId: string, appId: string): Promise<string> {
    const path = `/projects/${segment(projectId)}/apps/${segment(appId)}/api_config/_generate_client_secret`;
    return text(await this.#client.write('POST', path, {}, { clientSecret: 'clientSecret' }), 'clientSecret');
  }

  async findUser(userName: string): Promise<User | undefined> {
    const queries = [{ userNameQuery: equal({ userName }) }];
    const user = (await this.#client.search('/users/_search', { queries })).find((each) => each.userName === userName);
    return user && { id: text(user, 'id'), isPerson: isPerson(user) };
  }

  /** Also returns false if the user no longer exists. */
  async isPerson(userId: string): Promise<boolean> {
    try {
      const { user } = await this.#client.call('GET', `/users/${segment(userId)}`);
      return isPerson(Object(user) as Members);
    } catch (error) {
      if (error instanceof ManagementFailure && error.status === 404) return false;
      throw error;
    }
  }

  async addUser(userName: string): Promise<string> {
    const body = { userName, name: userName, accessTokenType: 'ACCESS_TOKEN_TYPE_BEARER' };
    return text(await this.#client.write('POST', '/users/machine', body, { userId: 'userId' }), 'userId');
  }

  async removeUser(id: string): Promise<void> {
    await this.#client.remove(`/users/${segment(id)}`);
  }

  async rotateUserSecret(id: string): Promise<{ clientId: string; clientSecret: string }> {
    const secret = await this.#client.write(
      'PUT',
      `/users/${segment(id)}/secret`,
      {},
      { clientId: 'clientId', clientSecret: 'clientSecret' },
    );
    return { clientId: text(secret, 'clientId'), clientSecret: text(secret, 'clientSecret') };
  }

  async findGrant(userId: string, projectId: string): Promise<Grant | undefined> {
    const queries = [{ userIdQuery: { userId } }, { projectIdQuery: { projectId } }];
    const found = await this.#client.search('/users/grants/_search', { queries });
    const grant = found.find((each) => each.userId === userId && each.projectId === projectId);
    if (grant === undefined) return undefined;
    return { id: text(grant, 'id'), roleKeys: Array.isArray(grant.roleKeys) ? grant.roleKeys.map(String) : [] };
  }

  async addGrant(userId: string, projectId: string, roleKeys: readonly string[]): Promise<string> {
    const body = { projectId, roleKeys };
    return text(
      await this.#client.write('POST', `/users/${segment(userId)}/grants`, body, { userGrantId: 'userGrantId' }),
      'userGrantId',
    );
  }

  async changeGrant(userId: string, grantId: string, roleKeys: readonly string[]): Promise<void> {
    await this.#client.write('PUT', `/users/${segment(userId)}/grants/${segment(grantId)}`, { roleKeys });
  }

  async removeGrant(userId: string, grantId: string): Promise<void> {
    await this.#client.remove(`/users/${segment(userId)}/grants/${segment(grantId)}`);
  }
}

/** Returns whether a user is a person. The server gives each user a member `machine` or `human`. */
const isPerson = ({ machine }: Members) => machine === undefined;

const equal = (value: object) => ({ ...value, method: 'TEXT_QUERY_METHOD_EQUALS' });
