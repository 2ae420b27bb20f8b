import type { RecordedRequest } from '../http/recorded-request.js';
import { json, type ScriptedResponse } from '../http/responses.js';
import { type ScriptedServer, startScriptedServer } from '../server/scripted-server.js';
import { zitadelResponses } from '../server/zitadel-introspection.js';
import { introspection } from './introspection.js';
import { isManagementWrite, likeZitadelManagement } from './management.js';
import type { ZitadelObjects } from './objects.js';
import { tokenEndpoint } from './token-endpoint.js';

/** The options of {@link startScriptedZitadel}. */
export interface ScriptedZitadelOptions {
  /**
   * The personal access token of the administrator.
   *
   * @default "admin-pat"
   */
  adminToken?: string;
  /**
   * The administrator's organisation. A request is for its objects, except if `x-zitadel-orgid` names another one.
   *
   * @default "100000000000000001"
   */
  organization?: string;
  /**
   * The further organisations that `x-zitadel-orgid` may name.
   *
   * @default none
   */
  otherOrganizations?: readonly string[];
  /**
   * How many searches miss a new object.
   *
   * @default 0
   */
  searchLag?: number;
  /**
   * How often new credentials of an app or a service user are rejected.
   *
   * @default 0
   */
  credentialsLag?: number;
  /**
   * The domain of the server's instance, without a port. The server reads the domain of a request from
   * `x-zitadel-instance-host`, or from `Host` if that is absent. It responds 404 to a request for another domain.
   *
   * @default '127.0.0.1', the domain of `origin`
   */
  domain?: string;
  /**
   * Whether the server's issuer and endpoints are https, as behind a proxy that ends TLS.
   *
   * @default false
   */
  secure?: boolean;
  /**
   * What login names end with after an `@`, if the instance's policy says so.
   *
   * @default nothing
   */
  loginDomain?: string;
}

/** A ZITADEL that starts empty: its management API, and token endpoint and introspection for what is created there. */
export interface ScriptedZitadel
  extends Pick<ScriptedServer, 'origin' | 'requests' | 'introspections' | 'next' | 'always' | 'at' | 'close'> {
  /** The objects that exist at this moment. */
  readonly objects: ZitadelObjects;
  /** Returns the management requests that changed something, oldest first. */
  writes(): RecordedRequest[];
  /**
   * Calls `decide` for each later request, except for those of introspection, the token endpoint and discovery. It returns
   * the response to send: `usual`, or another one.
   */
  intercept(decide: (request: RecordedRequest, usual: ScriptedResponse) => ScriptedResponse): void;
}

/**
 * Starts a scripted ZITADEL on a free loopback port.
 *
 * @example
 * ```ts
 * const zitadel = await startScriptedZitadel({ adminToken: 'pat' });
 * // run your tool against zitadel.origin
 * zitadel.writes(); // what it has changed
 * ```
 */
export async function startScriptedZitadel({
  adminToken = 'admin-pat',
  organization = '100000000000000001',
  otherOrganizations = [],
  searchLag = 0,
  credentialsLag = 0,
  domain = '127.0.0.1',
  secure = false,
  loginDomain,
}: ScriptedZitadelOptions = {}): Promise<ScriptedZitadel> {
  const server = await startScriptedServer();
  const objects: ZitadelObjects = { projects: new Map(), users: new Map(), grants: new Map(), tokens: new Map() };
  const settings = { adminToken, organization, otherOrganizations, searchLag, credentialsLag, loginDomain };
  const usual = likeZitadelManagement(objects, settings);
  let decide = (_: RecordedRequest, usual: ScriptedResponse) => usual;

  /**
   * Returns the server's own origin as the request names it, or `undefined` if the request is for an unknown instance.
   */
  function issuerOf(request: RecordedRequest): string | undefined {
    const [host = ''] = [...request.field('x-zitadel-instance-host'), ...request.field('host')];
    return host.replace(/:\d+$/, '') === domain ? `${secure ? 'https' : 'http'}://${host}` : undefined;
  }
  const ofInstance =
    (responseFor: (issuer: string) => ScriptedResponse): ScriptedResponse =>
    (response, request) => {
      const issuer = issuerOf(request);
      (issuer === undefined ? zitadelResponses.unknownInstance() : responseFor(issuer))(response, request);
    };

  server.elsewhere(ofInstance(() => (response, request) => decide(request, usual)(response, request)));
  server.always(ofInstance((issuer) => introspection(objects, issuer)));
  server.at(
    '/oauth/v2/token',
    ofInstance(() => tokenEndpoint(objects)),
  );
  server.at(
    '/.well-known/openid-configuration',
    ofInstance((issuer) =>
      json({
        issuer,
        token_endpoint: `${issuer}/oauth/v2/token`,
        introspection_endpoint: `${issuer}/oauth/v2/introspect`,
        jwks_uri: `${issuer}/oauth/v2/keys`,
        introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
      }),
    ),
  );
  const { origin, requests, introspections, next, always, at, close } = server;
  return {
    ...{ origin, requests, introspections, next, always, at, close, objects },
    writes: () => requests.filter(isManagementWrite),
    intercept: (decision) => {
      decide = decision;
    },
  };
}
