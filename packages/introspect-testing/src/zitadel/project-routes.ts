import { generateKeyPairSync } from 'node:crypto';
import { details, type Handler, type ManagementContext, type Parameters } from './management-context.js';
import { listed, ManagementError, ofOrganization, requireNew, secondsOf, textOf } from './management-messages.js';
import type { ZitadelApp } from './objects.js';

/** The id of the project that ZITADEL's first setup makes for itself. */
const ownProjectId = '299000000000000002';

/** The routes for projects, their roles and their API apps, by method and path. */
export function projectRoutes(context: ManagementContext): Readonly<Record<string, Handler>> {
  const { projects, grants } = context.objects;
  const { searchLag, credentialsLag } = context.behavior;

  function appOf(parameters: Parameters, organization: string): ZitadelApp {
    const app = context.projectOf(parameters, organization).apps.get(parameters.aid ?? '');
    if (app !== undefined) return app;
    throw new ManagementError(5, 'Application not found (COMMAND-2m9fs)');
  }

  /** ZITADEL's own project is in the first organisation, before all others. */
  function ownProjects(organization: string) {
    if (!context.behavior.listsOwnProject || organization !== context.behavior.organization) return [];
    return [{ id: ownProjectId, name: 'ZITADEL', projectRoleAssertion: false, missesLeft: 0 }];
  }

  return {
    'GET /iam': () => {
      const { organization } = context.behavior;
      return { globalOrgId: organization, iamProjectId: ownProjectId, defaultOrgId: organization };
    },
    'POST /projects/_search': ({ body, organization }) =>
      listed(
        [...ownProjects(organization), ...ofOrganization(projects, organization)],
        body,
        ({ id, name, projectRoleAssertion }) => ({
          id,
          ...details(organization),
          name,
          state: 'PROJECT_STATE_ACTIVE',
          ...(projectRoleAssertion && { projectRoleAssertion }),
        }),
      ),
    'POST /projects': ({ body, organization }) => {
      const name = textOf(body, 'AddProjectRequest', 'name');
      requireNew(
        ofOrganization(projects, organization),
        (each) => each.name === name,
        'Project already exists on organization',
      );
      const id = context.newId();
      const projectRoleAssertion = body.projectRoleAssertion === true;
      projects.set(id, {
        ...{ id, name, organization, projectRoleAssertion, missesLeft: searchLag },
        roles: new Map(),
        apps: new Map(),
      });
      return { id, ...details(organization) };
    },
    'DELETE /projects/{pid}': ({ parameters, organization }) => {
      const { id } = context.projectOf(parameters, organization);
      projects.delete(id);
      for (const grant of [...grants.values()]) if (grant.projectId === id) grants.delete(grant.id);
      return details(organization);
    },
    'POST /projects/{pid}/roles/_search': ({ parameters, body, organization }) =>
      listed(context.projectOf(parameters, organization).roles.values(), body, ({ key, displayName }) => ({
        key,
        ...details(organization),
        displayName,
      })),
    'POST /projects/{pid}/roles': ({ parameters, body, organization }) => {
      const { roles } = context.projectOf(parameters, organization);
      const key = textOf(body, 'AddProjectRoleRequest', 'roleKey');
      const displayName = textOf(body, 'AddProjectRoleRequest', 'displayName');
      requireNew(roles.values(), (each) => each.key === key, 'Role already exists');
      roles.set(key, { key, displayName, missesLeft: searchLag });
      return details(organization);
    },
    'DELETE /projects/{pid}/roles/{key=**}': ({ parameters, organization }) => {
      const { id, roles } = context.projectOf(parameters, organization);
      const { key = '' } = parameters;
      if (!roles.delete(key)) throw new ManagementError(5, "Role doesn't exist (COMMAND-m9vMf)");
      for (const grant of grants.values()) {
        if (grant.projectId === id) grant.roleKeys = grant.roleKeys.filter((each) => each !== key);
      }
      return details(organization);
    },
    'POST /projects/{pid}/apps/_search': ({ parameters, body, organization }) =>
      listed(
        context.projectOf(parameters, organization).apps.values(),
        body,
        ({ id, name, clientId, method, active }) => ({
          id,
          ...details(organization),
          state: active ? 'APP_STATE_ACTIVE' : 'APP_STATE_INACTIVE',
          name,
          apiConfig: { clientId, ...(method === 'key' && { authMethodType: 'API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT' }) },
        }),
      ),
    'POST /projects/{pid}/apps/api': ({ parameters, body, organization }) => {
      const { apps } = context.projectOf(parameters, organization);
      const name = textOf(body, 'AddAPIAppRequest', 'name');
      const type = body.authMethodType ?? 'API_AUTH_METHOD_TYPE_BASIC';
      if (type !== 'API_AUTH_METHOD_TYPE_BASIC' && type !== 'API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT') {
        throw new ManagementError(3, 'proto: invalid value for enum field authMethodType');
      }
      requireNew(apps.values(), (each) => each.name === name, 'Application already exists');
      const [id, clientId] = [context.newId(), context.newId()];
      const method = type === 'API_AUTH_METHOD_TYPE_BASIC' ? 'basic' : 'key';
      const credential = method === 'basic' ? context.newSecret() : undefined;
      const credentials = new Map(credential && [['secret', credential]]);
      apps.set(id, { id, name, clientId, method, credentials, active: true, missesLeft: searchLag });
      return { appId: id, ...details(organization), clientId, ...(credential && { clientSecret: credential.secret }) };
    },
    'POST /projects/{pid}/apps/{aid}/_deactivate': ({ parameters, organization }) => {
      const app = appOf(parameters, organization);
      if (!app.active) throw new ManagementError(9, 'Application is not active (COMMAND-dsh35)');
      app.active = false;
      return details(organization);
    },
    'POST /projects/{pid}/apps/{aid}/_reactivate': ({ parameters, organization }) => {
      const app = appOf(parameters, organization);
      if (app.active) throw new ManagementError(9, 'Application is not inactive (COMMAND-1n8cM)');
      app.active = true;
      return details(organization);
    },
    'DELETE /projects/{pid}/apps/{aid}': ({ parameters, organization }) => {
      const { id } = appOf(parameters, organization);
      context.projectOf(parameters, organization).apps.delete(id);
      return details(organization);
    },
    'POST /projects/{pid}/apps/{aid}/keys': ({ parameters, body, organization }) => {
      const { id: appId, clientId, credentials } = appOf(parameters, organization);
      if (body.type !== 'KEY_TYPE_JSON') {
        throw new ManagementError(3, 'invalid AddAppKeyRequest.Type: value must not be in list [0]');
      }
      const expiresAt = secondsOf(body.expirationDate);
      const keyId = context.newId();
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      credentials.set(keyId, { key: publicKey, expiresAt, missesLeft: credentialsLag });
      const key = privateKey.export({ type: 'pkcs1', format: 'pem' });
      const file = JSON.stringify({ type: 'application', keyId, key, appId, clientId });
      return { id: keyId, ...details(organization), keyDetails: Buffer.from(file).toString('base64') };
    },
    'DELETE /projects/{pid}/apps/{aid}/keys/{kid}': ({ parameters, organization }) => {
      const { credentials } = appOf(parameters, organization);
      if (!credentials.delete(parameters.kid ?? '')) {
        throw new ManagementError(5, 'Application key not found (COMMAND-4N77G)');
      }
      return details(organization);
    },
    'POST /projects/{pid}/apps/{aid}/api_config/_generate_client_secret': ({ parameters, organization }) => {
      const { method, credentials } = appOf(parameters, organization);
      if (method !== 'basic')
        throw new ManagementError(9, 'Chosen API Auth Method does not require a secret (COMMAND-5bnhx)');
      const credential = context.newSecret();
      credentials.set('secret', credential);
      return { clientSecret: credential.secret, ...details(organization) };
    },
  };
}
