import type { RecordedRequest } from '../http/recorded-request.js';
import { json, type ScriptedResponse } from '../http/responses.js';
import { type ScriptedServer, startScriptedServer } from '../server/scripted-server.js';
import { zitadelResponses } from '../server/zitadel-introspection.js';
import { isManagementWrite, likeZitadelManagement } from './management.js';
import type { ZitadelObjects } from './objects.js';
import { introspectsTokens, mintsTokens } from './tokens.js';

export interface ScriptedZitadelOptions {
  /** The administrator's personal access token; `admin-pat` unless given. */
  adminToken?: string;
  /** The administrator's organisation, in which everything is done unless `x-zitadel-orgid` names another. */
  organization?: string;
  otherOrganizations?: readonly string[];
  /** How often a new object is missed by searches; 0 unless given. */
  searchLag?: number;
  /** How often new credentials, an app's or a service user's, are refused; 0 unless given. */
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
  /** What login names end with after an `@`, where the instance's policy wants that. */
  loginDomain?: string;
}

/** A ZITADEL that starts empty: its management API, its token endpoint, and introspection for what was made there. */
export interface ScriptedZitadel
  extends Pick<ScriptedServer, 'origin' | 'requests' | 'introspections' | 'next' | 'always' | 'at' | 'close'> {
  /** What it holds by now. */
  readonly objects: ZitadelObjects;
  /** The management requests that change something, oldest first. */
  writes(): RecordedRequest[];
  /** Decides about every management request from now on: `usual` is what would be answered. */
  intercept(decide: (request: RecordedRequest, usual: ScriptedResponse) => ScriptedResponse): void;
}

/** Starts a scripted ZITADEL on a free loopback port. */
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
  let decide = (_: RecordedRequest, answer: ScriptedResponse) => answer;

  /**
   * Returns the server's own origin as the request names it, or `undefined` if the request is for an unknown instance.
   */
  function issuerOf(request: RecordedRequest): string | undefined {
    const [host = ''] = [...request.field('x-zitadel-instance-host'), ...request.field('host')];
    return host.replace(/:\d+$/, '') === domain ? `${secure ? 'https' : 'http'}://${host}` : undefined;
  }
  const ofInstance =
    (answerOf: (issuer: string) => ScriptedResponse): ScriptedResponse =>
    (response, request) => {
      const issuer = issuerOf(request);
      (issuer === undefined ? zitadelResponses.unknownInstance() : answerOf(issuer))(response, request);
    };

  server.elsewhere(ofInstance(() => (response, request) => decide(request, usual)(response, request)));
  server.always(ofInstance((issuer) => introspectsTokens(objects, issuer)));
  server.at(
    '/oauth/v2/token',
    ofInstance(() => mintsTokens(objects)),
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
