import type { RecordedRequest } from '../http/recorded-request.js';
import { json, type ScriptedResponse } from '../http/responses.js';
import { type ScriptedServer, startScriptedServer } from '../server/scripted-server.js';
import { hostOf, withZitadelHeaders, zitadelResponses } from '../server/zitadel-introspection.js';
import { type InternalFault, introspection } from './introspection.js';
import { isManagementWrite, likeZitadelManagement } from './management.js';
import type { ZitadelObjects } from './objects.js';
import { SigningKeys, tokenEndpoint, userinfo } from './token-endpoint.js';

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
   * `x-zitadel-instance-host`, else from `x-forwarded-host`, else from `Host`. It responds 404 to a request for another
   * domain.
   *
   * @default '127.0.0.1', the domain of `origin`
   */
  domain?: string;
  /**
   * Whether the server's issuer and endpoints are https, as behind a proxy that ends TLS. `x-forwarded-proto` wins.
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
  /**
   * Whether searches show ZITADEL's own project first, as a real server does.
   *
   * @default false
   */
  listsOwnProject?: boolean;
}

/** A ZITADEL that starts empty: its management API, and token endpoint and introspection for what is created there. */
export interface ScriptedZitadel
  extends Pick<ScriptedServer, 'origin' | 'requests' | 'introspections' | 'next' | 'always' | 'at' | 'close'> {
  /** The objects that exist at this moment. */
  readonly objects: ZitadelObjects;
  /** Returns the management requests that changed something, oldest first. */
  writes(): RecordedRequest[];
  /**
   * Calls `decide` for each later request, except for those of introspection and the other OIDC endpoints. It returns the
   * response to send: `usual`, or another one.
   */
  intercept(decide: (request: RecordedRequest, usual: ScriptedResponse) => ScriptedResponse): void;
  /**
   * Lets later introspection requests fail inside the server, as when its database fails. ZITADEL responds as for an inactive
   * token. If it cannot read `clients`, it does so for wrong credentials too. `undefined` ends the fault.
   */
  failInternally(fault: InternalFault | undefined): void;
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
  listsOwnProject = false,
}: ScriptedZitadelOptions = {}): Promise<ScriptedZitadel> {
  const server = await startScriptedServer();
  const objects: ZitadelObjects = { projects: new Map(), users: new Map(), grants: new Map(), tokens: new Map() };
  const behavior = { searchLag, credentialsLag, loginDomain, organization, listsOwnProject };
  const settings = { adminToken, otherOrganizations, ...behavior };
  const keys = new SigningKeys();
  let fault: InternalFault | undefined;
  const usual = likeZitadelManagement(objects, settings);
  let decide = (_: RecordedRequest, usual: ScriptedResponse) => usual;

  /**
   * Returns the server's own origin as the request names it, or `undefined` if the request is for an unknown instance.
   */
  function issuerOf(request: RecordedRequest): string | undefined {
    const host = hostOf(request);
    const [protocol = secure ? 'https' : 'http'] = request.field('x-forwarded-proto');
    return host.replace(/:\d+$/, '') === domain ? `${protocol}://${host}` : undefined;
  }
  const ofInstance =
    (responseFor: (issuer: string) => ScriptedResponse): ScriptedResponse =>
    (response, request) => {
      const issuer = issuerOf(request);
      (issuer === undefined ? zitadelResponses.unknownInstance() : responseFor(issuer))(response, request);
    };

  const atOidcPath = (path: string, responseFor: (issuer: string) => ScriptedResponse) =>
    server.at(
      path,
      ofInstance((issuer) => withZitadelHeaders(responseFor(issuer))),
    );

  const managementOrUnknown: ScriptedResponse = (response, request) => {
    const isOidcPath = /^\/(oauth\/v2|oidc\/v1)\//.test(request.url);
    decide(request, isOidcPath ? zitadelResponses.unknownPath() : usual)(response, request);
  };
  server.elsewhere(ofInstance(() => managementOrUnknown));
  server.always(ofInstance((issuer) => withZitadelHeaders(introspection(objects, { issuer, adminToken, fault }))));
  atOidcPath('/oauth/v2/token', (issuer) => tokenEndpoint(objects, keys, issuer));
  atOidcPath('/oidc/v1/userinfo', (issuer) => userinfo(objects, issuer));
  atOidcPath(
    '/oauth/v2/keys',
    () => (response, request) =>
      json(keys, { headers: { 'cache-control': 'max-age=300, must-revalidate' } })(response, request),
  );
  atOidcPath('/.well-known/openid-configuration', (issuer) =>
    json({
      issuer,
      token_endpoint: `${issuer}/oauth/v2/token`,
      introspection_endpoint: `${issuer}/oauth/v2/introspect`,
      userinfo_endpoint: `${issuer}/oidc/v1/userinfo`,
      jwks_uri: `${issuer}/oauth/v2/keys`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
      introspection_endpoint_auth_signing_alg_values_supported: ['RS256'],
    }),
  );
  const { origin, requests, introspections, next, always, at, close } = server;
  return {
    ...{ origin, requests, introspections, next, always, at, close, objects },
    writes: () => requests.filter(isManagementWrite),
    intercept: (decision) => {
      decide = decision;
    },
    failInternally: (part) => {
      fault = part;
    },
  };
}
