import type { RecordedRequest } from '../http/recorded-request.js';
import { json, type ScriptedResponse } from '../http/responses.js';
import { type ManagementBehavior, ManagementContext, type Parameters } from './management-context.js';
import { type Body, ManagementError } from './management-messages.js';
import type { ZitadelObjects } from './objects.js';
import { projectRoutes } from './project-routes.js';
import { userRoutes } from './user-routes.js';

/** What the management API accepts, and how it behaves. */
export interface ManagementSettings extends ManagementBehavior {
  adminToken: string;
  otherOrganizations: readonly string[];
}

const prefix = '/management/v1';

/** Returns whether a request to the management API changes something. */
export function isManagementWrite({ method, url }: RecordedRequest): boolean {
  return url.startsWith(`${prefix}/`) && method !== 'GET' && !url.endsWith('/_search');
}

/**
 * Responds to requests as ZITADEL's management API v1 does, and changes `objects`. It responds 404 to unknown paths.
 *
 * As in protobuf's JSON, responses leave out members that have their default value, and requests may have unknown members.
 * Searches know the queries for equal names, users and projects.
 */
export function likeZitadelManagement(objects: ZitadelObjects, settings: ManagementSettings): ScriptedResponse {
  const context = new ManagementContext(objects, settings);
  const routes = { ...projectRoutes(context), ...userRoutes(context) };
  const table = Object.entries(routes).map(([route, handler]) => ({ route, matches: matcherOf(route), handler }));

  /** Returns whether this is the personal access token of a user without any administrator's role. */
  function isOrdinary(token: string): boolean {
    const { userId = '', personal = false } = objects.tokens.get(token) ?? {};
    return personal && objects.users.get(userId)?.active === true;
  }

  /** Checks the administrator's token, and returns the organisation whose objects the request is for. */
  function organizationOf(request: RecordedRequest, isForEveryUser: boolean): string {
    const [authorization] = request.field('authorization');
    if (authorization === undefined) throw new ManagementError(16, 'auth header missing');
    const token = authorization.replace(/^Bearer /i, '');
    if (isOrdinary(token) && !isForEveryUser) throw new ManagementError(5, 'membership not found (AUTHZ-cdgFk)');
    if (token !== settings.adminToken && !isOrdinary(token)) {
      throw new ManagementError(16, 'Token is invalid (AUTH-7fs1e)');
    }
    const [organization = settings.organization] = request.field('x-zitadel-orgid');
    if (organization === settings.organization || settings.otherOrganizations.includes(organization)) {
      return organization;
    }
    throw new ManagementError(7, "Organisation doesn't exist (AUTH-Bs7Ds)");
  }

  return (response, request) => {
    try {
      const [path = ''] = request.url.split('?', 1);
      for (const { route, matches, handler } of table) {
        const parameters = matches(`${request.method} ${path.slice(prefix.length)}`);
        if (parameters === undefined) continue;
        const organization = organizationOf(request, route === 'GET /iam');
        return json(handler({ parameters, body: bodyOf(request), organization }))(response, request);
      }
      throw new ManagementError(5, 'Not Found');
    } catch (error) {
      if (!(error instanceof ManagementError)) throw error;
      json(error, { status: error.status })(response, request);
    }
  };
}

function matcherOf(route: string): (request: string) => Parameters | undefined {
  const pattern = route
    .replaceAll(/[.*+?^$|()[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\{(\w+)=\\\*\\\*\}/g, '(?<$1>.+)')
    .replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)');
  const expression = new RegExp(`^${pattern}$`);
  return (request) => {
    const found = expression.exec(request);
    if (found === null) return undefined;
    return Object.fromEntries(
      Object.entries(found.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
  };
}

function bodyOf({ method, body }: RecordedRequest): Body {
  if (method === 'DELETE' || body === '') return {};
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Body;
  } catch {}
  throw new ManagementError(3, 'proto: syntax error (line 1:1): unexpected token');
}
