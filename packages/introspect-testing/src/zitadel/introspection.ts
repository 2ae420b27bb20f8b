import type { RecordedRequest } from '../http/recorded-request.js';
import { active, inactive, type ScriptedResponse } from '../http/responses.js';
import { readIntrospectionRequest, zitadelResponses } from '../server/zitadel-introspection.js';
import { readClientAssertion } from './client-assertion.js';
import {
  isKnown,
  isLive,
  profileOf,
  tokenLifeSeconds,
  type ZitadelApp,
  type ZitadelObjects,
  type ZitadelProject,
  type ZitadelToken,
} from './objects.js';

/** The `exp` of a token that does not expire: the end of the year 9999. */
const never = 253_402_300_799;
const roleScope = 'urn:zitadel:iam:org:project:role:';
const resourceOwner = 'urn:zitadel:iam:user:resourceowner';

/** What the introspection endpoint cannot read from its database: apps and projects, or tokens and users. */
export type InternalFault = 'clients' | 'tokens';

/** The personal access token that ZITADEL's first setup writes. It has no scope. */
const setupToken = { id: '299000000000000001', userId: '299000000000000000', scope: '', issuedAt: 1_750_000_000 };

/** Responds to introspection requests of all API apps, with a secret or a key, with ZITADEL's checks in its order. */
export function introspection(
  { projects, users, grants, tokens }: ZitadelObjects,
  { issuer, adminToken, fault }: { issuer: string; adminToken: string; fault: InternalFault | undefined },
): ScriptedResponse {
  interface Caller {
    app: ZitadelApp;
    project: ZitadelProject;
  }

  function callerOf(clientId: string, isProven: (app: ZitadelApp) => boolean): Caller | undefined {
    for (const project of projects.values()) {
      for (const app of project.apps.values()) {
        if (app.clientId === clientId && app.active && isProven(app)) return { app, project };
      }
    }
    return undefined;
  }

  function callerBySecret(clientId: string, clientSecret: string): Caller | undefined {
    return callerOf(clientId, ({ credentials }) => {
      const credential = credentials.get('secret');
      return credential !== undefined && credential.secret === clientSecret && isKnown(credential);
    });
  }

  function callerByAssertion(jwt: string): Caller | ScriptedResponse | undefined {
    const assertion = readClientAssertion(jwt);
    if (assertion === undefined) return inactive();
    return callerOf(assertion.clientId, ({ credentials }) => {
      const credential = credentials.get(assertion.keyId);
      if (credential?.key === undefined || (credential.expiresAt ?? never) * 1000 < Date.now()) return false;
      return assertion.isFor(issuer) && assertion.isSignedBy(credential.key) && isKnown(credential);
    });
  }

  function responseTo(request: RecordedRequest): ScriptedResponse {
    const sent = readIntrospectionRequest(request);
    if (typeof sent === 'function') return sent;
    if (fault === 'clients') return zitadelResponses.internalError();
    const caller =
      'assertion' in sent ? callerByAssertion(sent.assertion) : callerBySecret(sent.clientId, sent.clientSecret);
    if (typeof caller === 'function') return caller;
    if (caller === undefined) return zitadelResponses.unauthorizedClient();
    if (fault === 'tokens') return zitadelResponses.internalError();
    if (sent.token === adminToken) return claimsOf({ ...setupToken, personal: true }, caller);
    const token = tokens.get(sent.token);
    return token !== undefined && isLive(token, users, issuer) ? claimsOf(token, caller) : inactive();
  }

  function claimsOf(token: ZitadelToken, { app, project }: Caller): ScriptedResponse {
    const user = users.get(token.userId);
    const ofRoles = token.personal ? [...project.roles.keys()].map((key) => `${roleScope}${key}`) : [];
    const scopes = [...token.scope.split(' ').filter(Boolean), ...ofRoles];
    const audiences = scopes.flatMap((scope) => /^urn:zitadel:iam:org:project:id:(.+):aud$/.exec(scope)?.[1] ?? []);
    const aud = token.personal ? [app.clientId, project.id] : audiences;
    if (!aud.includes(app.clientId) && !aud.includes(project.id)) return inactive();
    const grant = [...grants.values()].find((each) => each.userId === token.userId && each.projectId === project.id);
    const roles = Object.fromEntries(
      (grant?.roleKeys ?? []).map((key) => [key, { [project.organization]: 'zitadel.localhost' }]),
    );
    return active({
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      ...(!token.personal && { client_id: user?.userName }),
      token_type: 'Bearer',
      exp: token.personal ? never : token.issuedAt + tokenLifeSeconds,
      iat: token.issuedAt,
      nbf: token.issuedAt,
      ...(!token.personal && { auth_time: token.issuedAt }),
      sub: token.userId,
      aud,
      ...(!token.personal && { amr: ['pwd'] }),
      iss: issuer,
      jti: token.id,
      ...(user !== undefined && scopes.includes('profile') && { username: user.loginName, ...profileOf(user) }),
      ...(user !== undefined &&
        scopes.includes(resourceOwner) && {
          [`${resourceOwner}:id`]: user.organization,
          [`${resourceOwner}:name`]: 'ZITADEL',
          [`${resourceOwner}:primary_domain`]: 'zitadel.localhost',
        }),
      ...(Object.keys(roles).length > 0 && {
        'urn:zitadel:iam:org:project:roles': roles,
        [`urn:zitadel:iam:org:project:${project.id}:roles`]: roles,
      }),
    });
  }

  return (response, request) => responseTo(request)(response, request);
}
