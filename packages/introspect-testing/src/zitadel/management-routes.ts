import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  type Body,
  listed,
  ManagementError,
  ofOrganization,
  secondsOf,
  textOf,
  unique,
} from './management-messages.js';
import type {
  ZitadelApp,
  ZitadelCredential,
  ZitadelGrant,
  ZitadelObjects,
  ZitadelProject,
  ZitadelUser,
} from './objects.js';

export interface ManagementBehavior {
  /** How often a new object is missed by searches. */
  searchLag: number;
  /** How often new credentials are refused. */
  credentialsLag: number;
  /** What login names end with, after an `@`. */
  loginDomain: string | undefined;
}

export type Parameters = Readonly<Record<string, string>>;
type Handler = (call: { parameters: Parameters; body: Body; organization: string }) => object;

/**
 * What ZITADEL's management API v1 does, by method and path.
 *
 * As with protobuf's JSON, what has its default value is left out of answers, and members unknown to a request's
 * message are passed over. Searches know the queries for equal names, users and projects.
 */
export function managementRoutes(
  objects: ZitadelObjects,
  { searchLag, credentialsLag, loginDomain }: ManagementBehavior,
): Readonly<Record<string, Handler>> {
  const { projects, users, grants } = objects;
  let ids = 300_000_000_000_000_000n;
  const newId = () => String(ids++);
  const newSecret = (): ZitadelCredential => ({
    secret: randomBytes(32).toString('base64url'),
    missed: credentialsLag,
  });
  const details = (organization: string) => ({ details: { sequence: '1', resourceOwner: organization } });

  function projectOf({ pid = '' }: Parameters, organization: string): ZitadelProject {
    const project = projects.get(pid);
    if (project?.organization === organization) return project;
    throw new ManagementError(5, 'Errors.Project.NotFound (QUERY-1m9sd)');
  }
  function appOf(parameters: Parameters, organization: string): ZitadelApp {
    const app = projectOf(parameters, organization).apps.get(parameters.aid ?? '');
    if (app !== undefined) return app;
    throw new ManagementError(5, 'Errors.Project.App.NotFound (COMMAND-2m9fs)');
  }
  function userOf({ uid = '' }: Parameters, organization: string): ZitadelUser {
    const user = users.get(uid);
    if (user?.organization === organization) return user;
    throw new ManagementError(5, 'Errors.User.NotFound (COMMAND-0p1e3)');
  }

  function addUser(user: Pick<ZitadelUser, 'userName' | 'name' | 'human'>, organization: string): object {
    const { userName } = user;
    unique(ofOrganization(users, organization), (each) => each.userName === userName, 'Errors.User.AlreadyExists');
    const id = newId();
    const loginName = loginDomain === undefined ? userName : `${userName}@${loginDomain}`;
    users.set(id, { ...user, id, loginName, organization, active: true, missed: searchLag });
    return { userId: id, ...details(organization) };
  }
  function shownUser({ id, organization, userName, name, human, active }: ZitadelUser): object {
    return {
      id,
      ...details(organization),
      state: active ? 'USER_STATE_ACTIVE' : 'USER_STATE_INACTIVE',
      userName,
      ...(human === undefined ? { machine: { name } } : { human }),
    };
  }
  function grantOf({ uid, gid = '' }: Parameters, organization: string): ZitadelGrant {
    const grant = grants.get(gid);
    if (grant?.userId === uid && grant?.organization === organization) return grant;
    throw new ManagementError(5, 'Errors.UserGrant.NotFound (COMMAND-1My0t)');
  }
  function roleKeysOf(projectId: string, { roleKeys = [] }: Body): string[] {
    const keys = Array.isArray(roleKeys) ? roleKeys.map(String) : [];
    const known = projects.get(projectId)?.roles;
    if (keys.every((key) => known?.has(key))) return keys;
    throw new ManagementError(9, 'Errors.Project.Role.NotFound (COMMAND-mm9F4)');
  }

  return {
    'POST /projects/_search': ({ body, organization }) =>
      listed(ofOrganization(projects, organization), body, ({ id, name, projectRoleAssertion }) => ({
        id,
        ...details(organization),
        name,
        state: 'PROJECT_STATE_ACTIVE',
        ...(projectRoleAssertion && { projectRoleAssertion }),
      })),
    'POST /projects': ({ body, organization }) => {
      const name = textOf(body, 'AddProjectRequest', 'name');
      unique(ofOrganization(projects, organization), (each) => each.name === name, 'Errors.Project.AlreadyExists');
      const id = newId();
      const projectRoleAssertion = body.projectRoleAssertion === true;
      projects.set(id, {
        ...{ id, name, organization, projectRoleAssertion, missed: searchLag },
        roles: new Map(),
        apps: new Map(),
      });
      return { id, ...details(organization) };
    },
    'DELETE /projects/{pid}': ({ parameters, organization }) => {
      const { id } = projectOf(parameters, organization);
      projects.delete(id);
      for (const grant of [...grants.values()]) if (grant.projectId === id) grants.delete(grant.id);
      return details(organization);
    },
    'POST /projects/{pid}/roles/_search': ({ parameters, body, organization }) =>
      listed(projectOf(parameters, organization).roles.values(), body, ({ key, displayName }) => ({
        key,
        ...details(organization),
        displayName,
      })),
    'POST /projects/{pid}/roles': ({ parameters, body, organization }) => {
      const { roles } = projectOf(parameters, organization);
      const key = textOf(body, 'AddProjectRoleRequest', 'roleKey');
      const displayName = textOf(body, 'AddProjectRoleRequest', 'displayName');
      unique(roles.values(), (each) => each.key === key, 'Errors.Project.Role.AlreadyExists');
      roles.set(key, { key, displayName, missed: searchLag });
      return details(organization);
    },
    'DELETE /projects/{pid}/roles/{key=**}': ({ parameters, organization }) => {
      const { id, roles } = projectOf(parameters, organization);
      const { key = '' } = parameters;
      if (!roles.delete(key)) throw new ManagementError(5, 'Errors.Project.Role.NotExisting (COMMAND-m9vMf)');
      for (const grant of grants.values()) {
        if (grant.projectId === id) grant.roleKeys = grant.roleKeys.filter((each) => each !== key);
      }
      return details(organization);
    },
    'POST /projects/{pid}/apps/_search': ({ parameters, body, organization }) =>
      listed(projectOf(parameters, organization).apps.values(), body, ({ id, name, clientId, method }) => ({
        id,
        ...details(organization),
        state: 'APP_STATE_ACTIVE',
        name,
        apiConfig: { clientId, ...(method === 'key' && { authMethodType: 'API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT' }) },
      })),
    'POST /projects/{pid}/apps/api': ({ parameters, body, organization }) => {
      const { apps } = projectOf(parameters, organization);
      const name = textOf(body, 'AddAPIAppRequest', 'name');
      const type = body.authMethodType ?? 'API_AUTH_METHOD_TYPE_BASIC';
      if (type !== 'API_AUTH_METHOD_TYPE_BASIC' && type !== 'API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT') {
        throw new ManagementError(3, 'proto: invalid value for enum field authMethodType');
      }
      unique(apps.values(), (each) => each.name === name, 'Errors.Project.App.AlreadyExists');
      const [id, clientId] = [newId(), newId()];
      const method = type === 'API_AUTH_METHOD_TYPE_BASIC' ? 'basic' : 'key';
      const credential = method === 'basic' ? newSecret() : undefined;
      const credentials = new Map(credential && [['secret', credential]]);
      apps.set(id, { id, name, clientId, method, credentials, missed: searchLag });
      return { appId: id, ...details(organization), clientId, ...(credential && { clientSecret: credential.secret }) };
    },
    'DELETE /projects/{pid}/apps/{aid}': ({ parameters, organization }) => {
      const { id } = appOf(parameters, organization);
      projectOf(parameters, organization).apps.delete(id);
      return details(organization);
    },
    'POST /projects/{pid}/apps/{aid}/keys': ({ parameters, body, organization }) => {
      const { id: appId, clientId, credentials } = appOf(parameters, organization);
      if (body.type !== 'KEY_TYPE_JSON') {
        throw new ManagementError(3, 'invalid AddAppKeyRequest.Type: value must not be in list [0]');
      }
      const expiresAt = secondsOf(body.expirationDate);
      const keyId = newId();
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      credentials.set(keyId, { key: publicKey, expiresAt, missed: credentialsLag });
      const key = privateKey.export({ type: 'pkcs1', format: 'pem' });
      const file = JSON.stringify({ type: 'application', keyId, key, appId, clientId });
      return { id: keyId, ...details(organization), keyDetails: Buffer.from(file).toString('base64') };
    },
    'DELETE /projects/{pid}/apps/{aid}/keys/{kid}': ({ parameters, organization }) => {
      const { credentials } = appOf(parameters, organization);
      if (!credentials.delete(parameters.kid ?? '')) {
        throw new ManagementError(5, 'Errors.AuthNKey.NotFound (COMMAND-4N77G)');
      }
      return details(organization);
    },
    'POST /projects/{pid}/apps/{aid}/api_config/_generate_client_secret': ({ parameters, organization }) => {
      const { method, credentials } = appOf(parameters, organization);
      if (method !== 'basic') throw new ManagementError(9, 'Errors.Project.App.APIAuthMethodNoSecret (COMMAND-5bnhx)');
      const credential = newSecret();
      credentials.set('secret', credential);
      return { clientSecret: credential.secret, ...details(organization) };
    },
    'POST /users/_search': ({ body, organization }) => listed(ofOrganization(users, organization), body, shownUser),
    'GET /users/{uid}': ({ parameters, organization }) => ({ user: shownUser(userOf(parameters, organization)) }),
    'POST /users/machine': ({ body, organization }) => {
      const userName = textOf(body, 'AddMachineUserRequest', 'userName');
      return addUser({ userName, name: textOf(body, 'AddMachineUserRequest', 'name') }, organization);
    },
    'POST /users/human': ({ body, organization }) => {
      const userName = textOf(body, 'AddHumanUserRequest', 'userName');
      const [profile, email] = [Object(body.profile) as Body, Object(body.email) as Body];
      const firstName = textOf(profile, 'AddHumanUserRequest_Profile', 'firstName');
      const lastName = textOf(profile, 'AddHumanUserRequest_Profile', 'lastName');
      const address = textOf(email, 'AddHumanUserRequest_Email', 'email');
      const name = `${firstName} ${lastName}`;
      const human = { profile: { firstName, lastName, displayName: name }, email: { email: address } };
      return addUser({ userName, name, human }, organization);
    },
    'DELETE /users/{uid}': ({ parameters, organization }) => {
      const { id } = userOf(parameters, organization);
      users.delete(id);
      for (const grant of [...grants.values()]) if (grant.userId === id) grants.delete(grant.id);
      return details(organization);
    },
    'PUT /users/{uid}/secret': ({ parameters, organization }) => {
      const user = userOf(parameters, organization);
      user.credential = newSecret();
      return { clientId: user.loginName, clientSecret: user.credential.secret, ...details(organization) };
    },
    'POST /users/{uid}/pats': ({ parameters, organization }) => {
      const { id: userId } = userOf(parameters, organization);
      const [id, token] = [newId(), randomBytes(48).toString('base64url')];
      const issuedAt = Math.floor(Date.now() / 1000);
      objects.tokens.set(token, { id, userId, scope: 'openid', issuedAt, personal: true });
      return { tokenId: id, token, ...details(organization) };
    },
    'POST /users/{uid}/_deactivate': ({ parameters, organization }) => {
      const user = userOf(parameters, organization);
      if (!user.active) throw new ManagementError(9, 'Errors.User.AlreadyInactive (COMMAND-5M0sd)');
      user.active = false;
      return details(organization);
    },
    'POST /users/grants/_search': ({ body, organization }) =>
      listed(ofOrganization(grants, organization), body, ({ id, userId, projectId, roleKeys }) => ({
        id,
        ...details(organization),
        ...(roleKeys.length > 0 && { roleKeys }),
        state: 'USER_GRANT_STATE_ACTIVE',
        userId,
        projectId,
      })),
    'POST /users/{uid}/grants': ({ parameters, body, organization }) => {
      const { id: userId } = userOf(parameters, organization);
      const { id: projectId } = projectOf({ pid: textOf(body, 'AddUserGrantRequest', 'projectId') }, organization);
      const isSame = (each: ZitadelGrant) => each.userId === userId && each.projectId === projectId;
      unique(grants.values(), isSame, 'Errors.UserGrant.AlreadyExists');
      const id = newId();
      const roleKeys = roleKeysOf(projectId, body);
      grants.set(id, { id, userId, projectId, organization, roleKeys, missed: searchLag });
      return { userGrantId: id, ...details(organization) };
    },
    'PUT /users/{uid}/grants/{gid}': ({ parameters, body, organization }) => {
      const grant = grantOf(parameters, organization);
      const roleKeys = roleKeysOf(grant.projectId, body);
      if (roleKeys.join() === grant.roleKeys.join()) {
        throw new ManagementError(9, 'Errors.UserGrant.NotChanged (COMMAND-Rs8fy)');
      }
      grant.roleKeys = roleKeys;
      return details(organization);
    },
    'DELETE /users/{uid}/grants/{gid}': ({ parameters, organization }) => {
      grants.delete(grantOf(parameters, organization).id);
      return details(organization);
    },
  };
}
