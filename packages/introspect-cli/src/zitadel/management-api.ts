import { exitCodes, Failure } from '../failure.js';
import { type JsonRequest, requestJson } from '../http/json-request.js';
import { ManagementFailure } from './management-failure.js';

type Members = Readonly<Record<string, unknown>>;

export type AppMethod = 'basic' | 'key';

export interface App {
  readonly id: string;
  /** Empty when it is no API app, but one of the same name. */
  readonly clientId: string;
  readonly method: AppMethod;
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

export interface PlannedCall {
  readonly method: string;
  readonly url: string;
  readonly body?: object;
}

export interface ManagementOptions {
  /** A URL of the server. Its path is ignored. */
  address: string;
  /** A personal access token of an administrator. */
  pat: string;
  headers: Readonly<Record<string, string>>;
  organization: string | undefined;
  /** Asks, but changes nothing: what would be changed is in `planned`. */
  dryRun: boolean;
}

/** The part of ZITADEL's management API (v1) that registers an API. Each function throws a Failure when it is refused. */
export class ManagementApi {
  readonly planned: PlannedCall[] = [];
  readonly #options: ManagementOptions;

  constructor(options: ManagementOptions) {
    this.#options = options;
  }

  async projects(): Promise<{ id: string; name: string }[]> {
    return (await this.#searchAll('/projects/_search')).map((each) => ({
      id: text(each, 'id'),
      name: text(each, 'name'),
    }));
  }

  async findProject(name: string): Promise<string | undefined> {
    const found = await this.#search('/projects/_search', { queries: [{ nameQuery: equal({ name }) }] });
    const project = found.find((each) => each.name === name);
    return project && text(project, 'id');
  }

  async addProject(name: string): Promise<string> {
    const project = await this.#write('POST', '/projects', { name, projectRoleAssertion: true }, { id: 'projectId' });
    return text(project, 'id');
  }

  async removeProject(id: string): Promise<void> {
    await this.#remove(`/projects/${segment(id)}`);
  }

  async roles(projectId: string): Promise<string[]> {
    return (await this.#searchAll(`/projects/${segment(projectId)}/roles/_search`)).map((each) => text(each, 'key'));
  }

  async addRole(projectId: string, roleKey: string, displayName: string): Promise<void> {
    await this.#write('POST', `/projects/${segment(projectId)}/roles`, { roleKey, displayName });
  }

  async removeRole(projectId: string, roleKey: string): Promise<void> {
    await this.#remove(`/projects/${segment(projectId)}/roles/${segment(roleKey)}`);
  }

  async appIds(projectId: string): Promise<string[]> {
    return (await this.#searchAll(`/projects/${segment(projectId)}/apps/_search`)).map((each) => text(each, 'id'));
  }

  async findApp(projectId: string, name: string): Promise<App | undefined> {
    const queries = [{ nameQuery: equal({ name }) }];
    const found = await this.#search(`/projects/${segment(projectId)}/apps/_search`, { queries });
    const app = found.find((each) => each.name === name);
    if (app === undefined) return undefined;
    const { clientId = '', authMethodType } = Object(app.apiConfig) as Members;
    const method = authMethodType === 'API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT' ? 'key' : 'basic'; // the default is left out
    return { id: text(app, 'id'), clientId: String(clientId), method };
  }

  async addApp(
    projectId: string,
    name: string,
    method: AppMethod,
  ): Promise<App & { clientSecret: string | undefined }> {
    const type = method === 'key' ? 'PRIVATE_KEY_JWT' : 'BASIC';
    const app = await this.#write(
      'POST',
      `/projects/${segment(projectId)}/apps/api`,
      { name, authMethodType: `API_AUTH_METHOD_TYPE_${type}` },
      { appId: 'appId', clientId: 'clientId', clientSecret: 'clientSecret' },
    );
    const clientSecret = method === 'basic' ? text(app, 'clientSecret') : undefined;
    return { id: text(app, 'appId'), clientId: text(app, 'clientId'), method, clientSecret };
  }

  async removeApp(projectId: string, appId: string): Promise<void> {
    await this.#remove(`/projects/${segment(projectId)}/apps/${segment(appId)}`);
  }

  async addKey(projectId: string, appId: string, expires: Date): Promise<{ id: string; file: string }> {
    const path = `/projects/${segment(projectId)}/apps/${segment(appId)}/keys`;
    const body = { type: 'KEY_TYPE_JSON', expirationDate: expires.toISOString() };
    const key = await this.#write('POST', path, body, { id: 'keyId', keyDetails: 'keyDetails' });
    return { id: text(key, 'id'), file: Buffer.from(text(key, 'keyDetails'), 'base64').toString() };
  }

  async removeKey(projectId: string, appId: string, keyId: string): Promise<void> {
    await this.#remove(`/projects/${segment(projectId)}/apps/${segment(appId)}/keys/${segment(keyId)}`);
  }

  async rotateSecret(projectId: string, appId: string): Promise<string> {
    const path = `/projects/${segment(projectId)}/apps/${segment(appId)}/api_config/_generate_client_secret`;
    return text(await this.#write('POST', path, {}, { clientSecret: 'clientSecret' }), 'clientSecret');
  }

  async findUser(userName: string): Promise<User | undefined> {
    const queries = [{ userNameQuery: equal({ userName }) }];
    const user = (await this.#search('/users/_search', { queries })).find((each) => each.userName === userName);
    return user && { id: text(user, 'id'), isPerson: isPerson(user) };
  }

  /** Also returns false if the user no longer exists. */
  async isPerson(userId: string): Promise<boolean> {
    try {
      const { user } = await this.#call('GET', `/users/${segment(userId)}`);
      return isPerson(Object(user) as Members);
    } catch (error) {
      if (error instanceof ManagementFailure && error.status === 404) return false;
      throw error;
    }
  }

  async addUser(userName: string): Promise<string> {
    const body = { userName, name: userName, accessTokenType: 'ACCESS_TOKEN_TYPE_BEARER' };
    return text(await this.#write('POST', '/users/machine', body, { userId: 'userId' }), 'userId');
  }

  async removeUser(id: string): Promise<void> {
    await this.#remove(`/users/${segment(id)}`);
  }

  async rotateUserSecret(id: string): Promise<{ clientId: string; clientSecret: string }> {
    const secret = await this.#write(
      'PUT',
      `/users/${segment(id)}/secret`,
      {},
      { clientId: 'clientId', clientSecret: 'clientSecret' },
    );
    return { clientId: text(secret, 'clientId'), clientSecret: text(secret, 'clientSecret') };
  }

  async findGrant(userId: string, projectId: string): Promise<Grant | undefined> {
    const queries = [{ userIdQuery: { userId } }, { projectIdQuery: { projectId } }];
    const found = await this.#search('/users/grants/_search', { queries });
    const grant = found.find((each) => each.userId === userId && each.projectId === projectId);
    if (grant === undefined) return undefined;
    return { id: text(grant, 'id'), roleKeys: Array.isArray(grant.roleKeys) ? grant.roleKeys.map(String) : [] };
  }

  async addGrant(userId: string, projectId: string, roleKeys: readonly string[]): Promise<string> {
    const body = { projectId, roleKeys };
    return text(
      await this.#write('POST', `/users/${segment(userId)}/grants`, body, { userGrantId: 'userGrantId' }),
      'userGrantId',
    );
  }

  async changeGrant(userId: string, grantId: string, roleKeys: readonly string[]): Promise<void> {
    await this.#write('PUT', `/users/${segment(userId)}/grants/${segment(grantId)}`, { roleKeys });
  }

  async removeGrant(userId: string, grantId: string): Promise<void> {
    await this.#remove(`/users/${segment(userId)}/grants/${segment(grantId)}`);
  }

  /** All pages of a search without criteria. */
  async #searchAll(path: string): Promise<Members[]> {
    const all: Members[] = [];
    for (;;) {
      const { page, total } = await this.#page(path, all.length === 0 ? {} : { query: { offset: String(all.length) } });
      all.push(...page);
      if (page.length === 0 || all.length >= total) return all;
    }
  }

  async #search(path: string, body: object): Promise<Members[]> {
    return (await this.#page(path, body)).page;
  }

  /** A list that is empty is left out of an answer, and so is a total of 0. */
  async #page(path: string, body: object): Promise<{ page: Members[]; total: number }> {
    if (path.includes(plannedPrefix)) return { page: [], total: 0 }; // what is not made yet holds nothing
    const { result = [], details } = await this.#call('POST', path, body);
    const { totalResult = 0 } = Object(details) as Members;
    return {
      page: Array.isArray(result) ? result.map((each) => Object(each) as Members) : [],
      total: Number(totalResult),
    };
  }

  /** @param answered the members of the answer that are read, and what a dry run calls them */
  async #write(
    method: 'POST' | 'PUT',
    path: string,
    body: object,
    answered: Readonly<Record<string, string>> = {},
  ): Promise<Members> {
    if (!this.#options.dryRun) return this.#call(method, path, body);
    this.planned.push({ method, url: this.#url(path), body });
    return Object.fromEntries(Object.entries(answered).map(([member, name]) => [member, `${plannedPrefix}${name}>`]));
  }

  /** What is gone already is fine. */
  async #remove(path: string): Promise<void> {
    if (this.#options.dryRun) return void this.planned.push({ method: 'DELETE', url: this.#url(path) });
    try {
      await this.#call('DELETE', path);
    } catch (error) {
      if (!(error instanceof ManagementFailure) || error.status !== 404) throw error;
    }
  }

  async #call(method: JsonRequest['method'], path: string, body?: object): Promise<Members> {
    const { pat, headers, organization } = this.#options;
    const response = await requestJson({
      method,
      url: this.#url(path),
      headers: {
        ...headers,
        authorization: `Bearer ${pat}`,
        ...(organization !== undefined && { 'x-zitadel-orgid': organization }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (response.status === 200 && response.value !== undefined) return response.value;
    throw new ManagementFailure(`${method} ${this.#url(path)}`, response, pat);
  }

  #url(path: string): string {
    return `${new URL(this.#options.address).origin}/management/v1${path}`;
  }
}

/** What begins so stands, in a dry run, for an id that the server would have answered. */
const plannedPrefix = '<';

/** Returns whether a user is a person. The server gives each user a member `machine` or `human`. */
const isPerson = ({ machine }: Members) => machine === undefined;

const equal = (value: object) => ({ ...value, method: 'TEXT_QUERY_METHOD_EQUALS' });

/** One step of a path, and no other: a URL takes `.` and `..` for steps up, encoded or not. */
function segment(value: string): string {
  if (/^<\w+>$/.test(value)) return value; // of a dry run
  if (isStep(value)) return encodeURIComponent(value);
  throw new Failure(exitCodes.failed, 'unusable_id', `"${value}" cannot stand in the path of a request`);
}

/** Whether something can be addressed by this id or key. */
export function isStep(value: string): boolean {
  return !['', '.', '..'].includes(value);
}

function text(members: Members, name: string): string {
  const value = members[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Failure(exitCodes.failed, 'unexpected_answer', `The management API answered without "${name}"`);
}
