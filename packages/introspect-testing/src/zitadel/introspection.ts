import type { RecordedRequest } from '../http/recorded-request.js';
import { active, inactive, type ScriptedResponse } from '../http/responses.js';
import { basicCredentialsOf, zitadelResponses } from '../server/zitadel-introspection.js';
import { readClientAssertion } from './client-assertion.js';
import {
  isKnown,
  tokenLifeSeconds,
  type ZitadelApp,
  type ZitadelObjects,
  type ZitadelProject,
  type ZitadelToken,
} from './objects.js';

const never = 253_402_300_799;

/** Responds to introspection requests of all API apps, with a secret or a key, with ZITADEL's checks in its order. */
export function introspection({ projects, users, grants, tokens }: ZitadelObjects, issuer: string): ScriptedResponse {
  interface Caller {
    app: ZitadelApp;
    project: ZitadelProject;
  }

  function callerOf(clientId: string, isProven: (app: ZitadelApp) => boolean): Caller | undefined {
    for (const project of projects.values()) {
      for (const app of project.apps.values()) if (app.clientId === clientId && isProven(app)) return { app, project };
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
    const assertion = request.form.get('client_assertion');
    const isByKey = assertion !== null && request.field('authorization').length === 0;
    const credentials = isByKey ? undefined : basicCredentialsOf(request);
    if (typeof credentials === 'function') return credentials;
    const token = request.form.get('token');
    if (!token) return zitadelResponses.noToken();
    const caller = credentials
      ? callerBySecret(credentials.clientId, credentials.clientSecret)
      : callerByAssertion(assertion ?? '');
    if (typeof caller === 'function') return caller;
    if (caller === undefined) return zitadelResponses.unauthorizedClient();
    return claimsOf(tokens.get(token), caller);
  }

  function claimsOf(token: ZitadelToken | undefined, { app, project }: Caller): ScriptedResponse {
    const user = users.get(token?.userId ?? '');
    if (token === undefined || user === undefined || !user.active) return inactive();
    const scopes = token.scope.split(' ').filter(Boolean);
    const audiences = scopes.flatMap((scope) => /^urn:zitadel:iam:org:project:id:(.+):aud$/.exec(scope)?.[1] ?? []);
    const aud = token.personal ? [app.clientId, project.id] : audiences;
    if (!aud.includes(app.clientId) && !aud.includes(project.id)) return inactive();
    const grant = [...grants.values()].find((each) => each.userId === user.id && each.projectId === project.id);
    const roles = Object.fromEntries(
      (grant?.roleKeys ?? []).map((key) => [key, { [project.organization]: 'zitadel.localhost' }]),
    );
    return active({
      ...(scopes.length > 0 && { scope: token.scope }),
      ...(!token.personal && { client_id: user.userName }),
      token_type: 'Bearer',
      exp: token.personal ? never : token.issuedAt + tokenLifeSeconds,
      iat: token.issuedAt,
      nbf: token.issuedAt,
      sub: user.id,
      aud,
      iss: issuer,
      jti: token.id,
      ...(scopes.includes('profile') && { username: user.userName, name: user.name }),
      ...(Object.keys(roles).length > 0 && {
        'urn:zitadel:iam:org:project:roles': roles,
        [`urn:zitadel:iam:org:project:${project.id}:roles`]: roles,
      }),
    });
  }

  return (response, request) => responseTo(request)(response, request);
}
