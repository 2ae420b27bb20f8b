import {
  checkMetadata,
  fetchMetadata,
  type IntrospectionClientOptions,
  type MetadataVerdict,
} from '@acme/introspect-core';
import type { Connection } from '../connection.js';
import { exitCodes, Failure } from '../failure.js';
import { checkSecure, requestJson } from '../http/json-request.js';

/** An authorization server, as its metadata describes it (OpenID Connect Discovery §4). */
export interface AuthorizationServer extends Connection {
  /** The issuer that the server names: the public issuer, even if we connect to an internal address. */
  readonly issuer: string;
  /**
   * Returns the URL of an endpoint, at the address to which we connect.
   *
   * @throws Failure if the metadata names no such endpoint, or one to which no secret may be sent
   */
  endpoint(name: 'token_endpoint' | 'introspection_endpoint'): string;
}

/**
 * Reads a server's metadata.
 *
 * @param metadataUrl where it is, if not at a well-known URL of the issuer; its issuer must still match
 * @throws Failure if the metadata cannot be fetched, or names neither the given issuer nor that of the instance host
 */
export async function discover(connection: Connection, metadataUrl?: string): Promise<AuthorizationServer> {
  const { issuer: given, address, instanceHost, headers } = connection;
  checkSecure(address, 'The issuer');
  const get = async (url: string) => ({ url, ...(await requestJson({ method: 'GET', url, headers })) });
  const {
    url,
    status,
    value = {},
  } = await (metadataUrl === undefined
    ? fetchMetadata(address, get, (response) => metadataVerdict(response.status, response.value, connection))
    : get(metadataUrl));
  if (status !== 200) {
    const advice =
      instanceHost === undefined
        ? metadataUrl === undefined
          ? 'Check --issuer: it is the URL that the server names as its issuer. For ZITADEL, it has no path.'
          : 'Check --metadata-url (INTROSPECT_METADATA_URL).'
        : `Check --issuer, the internal address, and --instance-host (ZITADEL_INSTANCE_HOST): the server may know no instance of the host ${instanceHost}.`;
    throw new Failure(exitCodes.failed, 'no_metadata', `${url} responded with ${status}`, advice);
  }
  const { issuer } = value;
  if (issuer !== given && !isOfInstanceHost(issuer, connection)) throw otherIssuer(issuer, connection);
  if (issuer !== given) checkSecure(issuer, 'The issuer that the server names');
  return {
    ...connection,
    issuer,
    endpoint: (name) => {
      const what = name.replace('_', ' ');
      const named = value[name];
      if (typeof named !== 'string' || !URL.canParse(named)) {
        throw new Failure(exitCodes.failed, `no_${name}`, `The metadata of ${issuer} names no ${what}`);
      }
      const endpoint = connectedUrl(named, { issuer, address });
      checkSecure(endpoint, `The ${what}`);
      return endpoint;
    },
  };
}

/**
 * Returns what a response means for the search of the metadata, by the rules of the SDK: it goes on after a document of
 * this issuer that does not name the introspection endpoint.
 *
 * @param status `undefined` without a response
 */
export function metadataVerdict(
  status: number | undefined,
  metadata: object | undefined,
  connection: Connection,
): MetadataVerdict {
  if (status === undefined || status === 429 || status >= 500) return 'final';
  if (status !== 200 || metadata === undefined) return 'unusable';
  const settings = { issuer: connection.issuer, allowInsecureHttp: false };
  const { named, isSameIssuer, url } = checkMetadata('introspection_endpoint', metadata, settings);
  if (!isSameIssuer && !isOfInstanceHost(named, connection)) return 'unusable';
  return url === undefined ? 'incomplete' : 'final';
}

type ClientOptions = { issuer: string } & Pick<IntrospectionClientOptions, 'introspectionEndpoint' | 'headers'>;

/**
 * Returns the options with which the SDK calls the server. With an instance host they include the endpoint, because
 * discovery by the SDK would reject the public issuer. Without one, the SDK finds the endpoint itself.
 *
 * @throws Failure when the endpoint is needed, but the metadata does not name it
 */
export function clientOptions({ issuer, instanceHost, headers, endpoint }: AuthorizationServer): ClientOptions {
  if (instanceHost === undefined) return { issuer };
  return { issuer, introspectionEndpoint: endpoint('introspection_endpoint'), headers: { ...headers } };
}

/** Returns whether a server at an internal address names the public issuer: the one whose host is the instance host. */
export function isOfInstanceHost(
  named: unknown,
  { issuer, instanceHost }: Pick<Connection, 'issuer' | 'instanceHost'>,
): named is string {
  const isInternal = instanceHost !== undefined && new URL(issuer).host !== instanceHost;
  return isInternal && (named === `https://${instanceHost}` || named === `http://${instanceHost}`);
}

/** Replaces the issuer's origin in an endpoint's URL by the address to which we connect, and keeps the path. */
export function connectedUrl(url: string, { issuer, address }: { issuer: string; address: string }): string {
  const [named, own, connected] = [new URL(url), new URL(issuer), new URL(address)];
  if (named.host !== own.host || own.origin === connected.origin) return url;
  return `${connected.origin}${named.pathname}${named.search}`;
}

function otherIssuer(named: unknown, { issuer, address, instanceHost }: Connection): Failure {
  const isSlash = typeof named === 'string' && named.replace(/\/$/, '') === issuer.replace(/\/$/, '');
  const advice =
    instanceHost === undefined
      ? `Set the issuer exactly as the server names it.`
      : `Set --instance-host (ZITADEL_INSTANCE_HOST), now ${instanceHost}, to the host of the public issuer, with its port if it has one.`;
  return new Failure(
    exitCodes.failed,
    'issuer_mismatch',
    `The server at ${address} has another issuer`,
    isSlash ? slashAdvice(issuer) : advice,
  );
}

/** Issuers are compared character by character. */
function slashAdvice(given: string): string {
  return given.endsWith('/')
    ? `Set the issuer to ${given.slice(0, -1)}, without a slash at the end.`
    : `Set the issuer to ${given}/, with a slash at the end.`;
}
