import type { IntrospectionClientOptions } from '@acme/introspect-core';
import type { Connection } from './connection.js';
import { exitCodes, Failure } from './failure.js';
import { checkSecure, requestJson } from './json-request.js';

/** A server, by the metadata of its issuer (OpenID Connect Discovery §4), as far as these commands go by it. */
export interface AuthorizationServer extends Connection {
  /** Its own: over an internal address the public one. */
  readonly issuer: string;
  /**
   * The URL of an endpoint, at the address to which we connect.
   *
   * @throws Failure when the metadata names none, or one that may not be sent a secret
   */
  endpoint(name: 'token_endpoint' | 'introspection_endpoint'): string;
}

/**
 * Reads a server's metadata.
 *
 * @throws Failure when it cannot be had, or names an issuer that is neither the given one nor that of the instance host
 */
export async function discover(connection: Connection): Promise<AuthorizationServer> {
  const { issuer: given, address, instanceHost, headers } = connection;
  checkSecure(address, 'The issuer');
  const url = `${address.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { status, value = {} } = await requestJson({ method: 'GET', url, headers });
  if (status !== 200) {
    const advice =
      instanceHost === undefined
        ? 'Check --issuer: it is the URL of the instance, without a path.'
        : `Check --issuer, the internal address, and --instance-host (ZITADEL_INSTANCE_HOST): the server may know no instance of the host ${instanceHost}.`;
    throw new Failure(exitCodes.failed, 'no_metadata', `${url} answered ${status}`, advice);
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

type ClientOptions = { issuer: string } & Pick<IntrospectionClientOptions, 'introspectionEndpoint' | 'headers'>;

/**
 * How the SDK asks a server: it finds the endpoint itself, except with an instance host, where discovery by the SDK would
 * take the public issuer for a wrong one.
 *
 * @throws Failure when the endpoint is needed, and the metadata names none
 */
export function clientOptions({ issuer, instanceHost, headers, endpoint }: AuthorizationServer): ClientOptions {
  if (instanceHost === undefined) return { issuer };
  return { issuer, introspectionEndpoint: endpoint('introspection_endpoint'), headers: { ...headers } };
}

/** Like {@link clientOptions}, and reads the metadata only when they are needed. */
export async function clientOptionsOf(connection: Connection): Promise<ClientOptions> {
  const { issuer, instanceHost } = connection;
  return instanceHost === undefined ? { issuer } : clientOptions(await discover(connection));
}

/** Whether a server that was asked over an internal address names the issuer whose host is the instance host. */
export function isOfInstanceHost(
  named: unknown,
  { issuer, instanceHost }: Pick<Connection, 'issuer' | 'instanceHost'>,
): named is string {
  const isInternal = instanceHost !== undefined && new URL(issuer).host !== instanceHost;
  return isInternal && (named === `https://${instanceHost}` || named === `http://${instanceHost}`);
}

/** What the metadata names at the issuer's own host is reached at the address instead, by the same path. */
export function connectedUrl(url: string, { issuer, address }: { issuer: string; address: string }): string {
  const [named, own, connected] = [new URL(url), new URL(issuer), new URL(address)];
  if (named.host !== own.host || own.origin === connected.origin) return url;
  return `${connected.origin}${named.pathname}${named.search}`;
}

function otherIssuer(named: unknown, { issuer, address, instanceHost }: Connection): Failure {
  const isSlash = typeof named === 'string' && named.replace(/\/$/, '') === issuer.replace(/\/$/, '');
  const advice =
    instanceHost === undefined
      ? 'Give the issuer as the console shows it.'
      : `It must be the one of --instance-host (ZITADEL_INSTANCE_HOST), which is ${instanceHost}: give the host of the public issuer, with its port if it has one.`;
  return new Failure(
    exitCodes.failed,
    'issuer_mismatch',
    `The server at ${address} calls itself by another name`,
    isSlash ? slashAdvice(issuer) : advice,
  );
}

/** Issuers are compared character by character. */
function slashAdvice(given: string): string {
  return given.endsWith('/')
    ? `Give the issuer as ${given.slice(0, -1)}, without a slash at its end.`
    : `Give the issuer as ${given}/, slash and all.`;
}
