import { details, type Handler, type ManagementContext, type Parameters } from './management-context.js';
import { type Body, listed, ManagementError, ofOrganization, requireNew, textOf } from './management-messages.js';
import type { ZitadelGrant, ZitadelUser } from './objects.js';
import { opaqueToken } from './token-endpoint.js';

const personalScope = 'openid profile urn:zitadel:iam:user:metadata urn:zitadel:iam:user:resourceowner';

/** The routes for service users, people and their grants, by method and path. */
export function userRoutes(context: ManagementContext): Readonly<Record<string, Handler>> {
  const { projects, users, grants, tokens } = context.objects;
  const { searchLag, loginDomain } = context.behavior;

  function userOf({ uid = '' }: Parameters, organization: string): ZitadelUser {
    const user = users.get(uid);
    if (user?.organization === organization) return user;
    throw new ManagementError(5, 'User could not be found (COMMAND-0p1e3)');
  }

  function addUser(user: Pick<ZitadelUser, 'userName' | 'name' | 'human' | 'hasJwts'>, organization: string): object {
    const { userName } = user;
    requireNew(ofOrganization(users, organization), (each) => each.userName === userName, 'User already exists');
    const id = context.newId();
    const loginName = loginDomain === undefined ? userName : `${userName}@${loginDomain}`;
    users.set(id, { ...user, id, loginName, organization, active: true, missesLeft: searchLag });
    return { userId: id, ...details(organization) };
  }
  function shownUser(user: ZitadelUser): object {
    const { id, organization, userName, loginName, name, human, hasJwts, active, credential } = user;
    const machine = {
      name,
      ...(credential !== undefined && { hasSecret: true }),
      ...(hasJwts && { accessTokenType: 'ACCESS_TOKEN_TYPE_JWT' }),
    };
    return {
      id,
      ...details(organization),
      state: active ? 'USER_STATE_ACTIVE' : 'USER_STATE_INACTIVE',
      userName,
      loginNames: [loginName],
      preferredLoginName: loginName,
      ...(human === undefined ? { machine } : { human }),
    };
  }
  function grantOf({ uid, gid = '' }: Parameters, organization: string): ZitadelGrant {
    const grant = grants.get(gid);
    if (grant?.userId === uid && grant?.organization === organization) return grant;
    throw new ManagementError(5, 'User grant not found (COMMAND-1My0t)');
  }
  function roleKeysOf(projectId: string, { roleKeys = [] }: Body): string[] {
    const keys = Array.isArray(roleKeys) ? roleKeys.map(String) : [];
    const known = projects.get(projectId)?.roles;
    if (keys.every((key) => known?.has(key))) return keys;
    throw new ManagementError(9, 'Errors.Project.Role.NotFound (COMMAND-mm9F4)');
  }

  return {
    'POST /users/_search': ({ body, organization }) => listed(ofOrganization(users, organization), body, shownUser),
    'GET /users/{uid}': ({ parameters, organization }) => ({ user: shownUser(userOf(parameters, organization)) }),
    'POST /users/machine': ({ body, organization }) => {
      const userName = textOf(body, 'AddMachineUserRequest', 'userName');
      const name = textOf(body, 'AddMachineUserRequest', 'name');
      return addUser({ userName, name, hasJwts: body.accessTokenType === 'ACCESS_TOKEN_TYPE_JWT' }, organization);
    },
    'POST /users/human': ({ body, organization }) => {
      const userName = textOf(body, 'AddHumanUserRequest', 'userName');
      const [profile, email] = [Object(body.profile) as Body, Object(body.email) as Body];
      const firstName = textOf(profile, 'AddHumanUserRequest_Profile', 'firstName');
      const lastName = textOf(profile, 'AddHumanUserRequest_Profile', 'lastName');
      const address = textOf(email, 'AddHumanUserRequest_Email', 'email');
      const name = `${firstName} ${lastName}`;
      const human = { profile: { firstName, lastName, displayName: name }, email: { email: address } };
      return addUser({ userName, name, human, hasJwts: false }, organization);
    },
    'DELETE /users/{uid}': ({ parameters, organization }) => {
      const { id } = userOf(parameters, organization);
      users.delete(id);
      for (const grant of [...grants.values()]) if (grant.userId === id) grants.delete(grant.id);
      return details(organization);
    },
    'PUT /users/{uid}/secret': ({ parameters, organization }) => {
      const user = userOf(parameters, organization);
      user.credential = context.newSecret();
      return { clientId: user.loginName, clientSecret: user.credential.secret, ...details(organization) };
    },
    'POST /users/{uid}/pats': ({ parameters, organization }) => {
      const { id: userId } = userOf(parameters, organization);
      const [id, token] = [context.newId(), opaqueToken({ kid: 'oidcKey' })];
      const issuedAt = Math.floor(Date.now() / 1000);
      tokens.set(token, { id, userId, scope: personalScope, issuedAt, personal: true });
      return { tokenId: id, token, ...details(organization) };
    },
    'POST /users/{uid}/_deactivate': ({ parameters, organization }) => {
      const user = userOf(parameters, organization);
      if (!user.active) throw new ManagementError(9, 'User already inactive (COMMAND-5M0sd)');
      user.active = false;
      // The user's tokens stay inactive when the user is active again.
      for (const [text, { userId }] of [...tokens]) if (userId === user.id) tokens.delete(text);
      return details(organization);
    },
    'POST /users/{uid}/_reactivate': ({ parameters, organization }) => {
      const user = userOf(parameters, organization);
      if (user.active) throw new ManagementError(9, 'User is not inactive (COMMAND-6M0sf)');
      user.active = true;
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
      const { id: projectId } = context.projectOf(
        { pid: textOf(body, 'AddUserGrantRequest', 'projectId') },
        organization,
      );
      const isSame = (each: ZitadelGrant) => each.userId === userId && each.projectId === projectId;
      requireNew(grants.values(), isSame, 'User grant already exists');
      const id = context.newId();
      const roleKeys = roleKeysOf(projectId, body);
      grants.set(id, { id, userId, projectId, organization, roleKeys, missesLeft: searchLag });
      return { userGrantId: id, ...details(organization) };
    },
    'PUT /users/{uid}/grants/{gid}': ({ parameters, body, organization }) => {
      const grant = grantOf(parameters, organization);
      const roleKeys = roleKeysOf(grant.projectId, body);
      if (roleKeys.join() === grant.roleKeys.join()) {
        throw new ManagementError(9, 'User grant has not been changed (COMMAND-Rs8fy)');
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
