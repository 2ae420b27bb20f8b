import { checkMetadata, fetchMetadata } from '@acme/introspect-core';
import type { ApiLocation } from '../../../api-location.js';
import type { Connection } from '../../../connection.js';
import { connectedUrl, isOfInstanceHost, metadataVerdict } from '../../../zitadel/authorization-server.js';
import { type Check, checked, type Finding, skipped } from '../finding.js';
import { type AuthenticationMethod, diagnose } from '../outcome.js';
import { noResponseFinding, type RawResponse, sendRaw } from '../raw-response.js';

export interface Discovery {
  readonly check: Check;
  readonly response: RawResponse | undefined;
  /** Where credentials may be sent. Undefined if they must not be sent. */
  readonly location: Location | undefined;
}

export interface Location {
  readonly endpoint: string;
  /** The options with which the SDK calls the server. Its issuer ends with a slash if that of the server does. */
  readonly clientOptions:
    | { readonly issuer: string }
    | { readonly issuer?: string; readonly introspectionEndpoint: string };
}

type Metadata = Readonly<Record<string, unknown>>;

/** Checks whether the server's metadata (OpenID Connect Discovery §4) contains what the SDK needs. */
export async function checkDiscovery(
  { connection, endpoint, metadataUrl }: ApiLocation,
  method: AuthenticationMethod,
  timeoutMs: number,
): Promise<Discovery> {
  if (connection === undefined || endpoint !== undefined) {
    return {
      check: skipped('discovery', 'the endpoint is configured'),
      response: undefined,
      location:
        endpoint === undefined
          ? undefined
          : {
              endpoint,
              clientOptions: { ...(connection && { issuer: connection.issuer }), introspectionEndpoint: endpoint },
            },
    };
  }
  const { address, headers, instanceHost } = connection;
  const get = (url: string) => sendRaw({ url, headers, timeoutMs });
  const response = await (metadataUrl === undefined
    ? fetchMetadata(address, get, (each) =>
        metadataVerdict(each.status, each.status === undefined ? undefined : each.json, connection),
      )
    : get(metadataUrl));
  const { url } = response;
  if (response.status === undefined) {
    const check = checked('discovery', url, [noResponseFinding(response, timeoutMs)]);
    return { check, response: undefined, location: undefined };
  }
  if (response.status !== 200 || response.json === undefined) {
    const diagnosis = diagnose(response, method, instanceHost !== undefined || isCloud(address));
    const finding =
      diagnosis?.code === 'no_instance' && instanceHost !== undefined
        ? { ...diagnosis, ...noSuchInstance(instanceHost) }
        : diagnosis;
    const detail = response.leadsTo === undefined ? url : `${url} leads to ${response.leadsTo}`;
    return { check: checked('discovery', detail, finding ? [finding] : []), response, location: undefined };
  }
  const { findings, location } = examineMetadata(response.json, connection, { method, metadataUrl });
  return { check: checked('discovery', location?.endpoint ?? url, findings), response, location };
}

/** Finds what is wrong with the metadata, and where it is safe to send credentials. */
function examineMetadata(
  metadata: Metadata,
  connection: Connection,
  { method, metadataUrl }: { method: AuthenticationMethod; metadataUrl: string | undefined },
): { findings: Finding[]; location: Location | undefined } {
  const { issuer, address, instanceHost } = connection;
  const settings = { issuer, allowInsecureHttp: false };
  const { named, isSameIssuer, url, problem } = checkMetadata('introspection_endpoint', metadata, settings);
  const isPublic = isOfInstanceHost(named, connection);
  const own = isPublic ? named : issuer;
  const findings = isPublic || isSameIssuer ? [] : issuerFindings(named, connection);
  if (url === undefined || !URL.canParse(url)) return { findings: [...findings, noEndpoint], location: undefined };
  const endpoint = new URL(url);
  if (problem !== undefined) findings.push(rejectedEndpoint(endpoint, problem));
  else if (endpoint.host !== new URL(own).host) findings.push(endpointElsewhere(endpoint.origin));
  if (!advertises(metadata, method)) findings.push(methodNotAdvertised(method));
  // The metadata of another issuer must not decide where credentials are sent.
  const isOurs = isPublic || isSameButSlash(named, issuer);
  if (!isOurs || problem !== undefined) return { findings, location: undefined };
  const connected = connectedUrl(url, { issuer: named, address });
  const isHidden = instanceHost !== undefined || metadataUrl !== undefined; // the SDK alone would not find the endpoint
  const clientOptions = { issuer: named, ...(isHidden && { introspectionEndpoint: connected }) };
  return { findings, location: { endpoint: connected, clientOptions } };
}

function isSameButSlash(named: unknown, configured: string): named is string {
  return typeof named === 'string' && named.replace(/\/$/, '') === configured.replace(/\/$/, '');
}

/** Returns whether a host is one of ZITADEL Cloud. */
function isCloud(address: string): boolean {
  return new URL(address).hostname.endsWith('.zitadel.cloud');
}

function advertises(metadata: Metadata, method: AuthenticationMethod): boolean {
  if (method === 'bearer') return true; // RFC 8414 §2 has no name for it
  const methods = metadata.introspection_endpoint_auth_methods_supported;
  return !Array.isArray(methods) || methods.includes(method);
}

/** Explains how an issuer differs from the configured one. */
function issuerFindings(named: unknown, { issuer: configured, instanceHost }: Connection): Finding[] {
  if (typeof named !== 'string' || !URL.canParse(named)) return [noIssuer];
  if (isSameButSlash(named, configured)) return [slashMismatch(named.endsWith('/'))];
  const { origin, protocol, host } = new URL(named);
  const issuer = new URL(configured);
  if (host === issuer.host && protocol !== issuer.protocol) return [schemeMismatch(origin)];
  if (host !== issuer.host) return [hostMismatch(origin, instanceHost)];
  return [pathMismatch];
}

function mismatch(kind: string, seen: string, cause: string, fix: string): Finding {
  return { code: `issuer_mismatch${kind}`, severity: 'error', seen, cause, fix };
}

const slashMismatch = (endsWithOne: boolean) =>
  mismatch(
    '_slash',
    `The server's issuer ends ${endsWithOne ? 'with' : 'without'} a slash, unlike the configured issuer`,
    'Issuers are compared character by character.',
    endsWithOne ? 'End the configured issuer with a slash.' : 'Remove the slash at the end of the configured issuer.',
  );

const schemeMismatch = (origin: string) =>
  mismatch(
    '_scheme',
    `The server names the issuer ${origin}`,
    'TLS ends at a proxy, and the server does not know about it, or the configured issuer has the wrong scheme.',
    'Configure the issuer as the server names it, or configure https as its public scheme (ZITADEL: ExternalSecure), and X-Forwarded-Proto in its proxy.',
  );

const hostMismatch = (origin: string, instanceHost: string | undefined) =>
  instanceHost === undefined
    ? mismatch(
        '_host',
        `The server names the issuer ${origin}`,
        'The configured host is an internal or old name of the server.',
        `Configure ${origin} as the issuer. If only the internal address can be reached, also set --instance-host (ZITADEL_INSTANCE_HOST) to ${new URL(origin).host}; in code, set introspectionEndpoint to the internal endpoint, and send the header x-zitadel-instance-host.`,
      )
    : mismatch(
        '_host',
        `The server names the issuer ${origin}, and --instance-host (ZITADEL_INSTANCE_HOST) is ${instanceHost}`,
        'The instance host is not the host of the public issuer with its port, or this server does not read x-zitadel-instance-host.',
        'Set it to the host of the issuer that the console shows, with its port if it has one.',
      );

const noSuchInstance = (instanceHost: string) => ({
  cause: `The server has no instance of the host ${instanceHost} (--instance-host, ZITADEL_INSTANCE_HOST).`,
  fix: 'Set it to the host of the public issuer that the console shows, with its port if it has one.',
});

const pathMismatch = mismatch(
  '',
  'The server names another issuer on the same host',
  'The configured issuer has another path.',
  'Copy the issuer from the "issuer" in the metadata, or from the console of ZITADEL.',
);

const noIssuer: Finding = {
  code: 'metadata_without_issuer',
  severity: 'error',
  seen: 'The metadata contains no issuer that is a URL',
  cause: 'This is not the metadata of an authorization server.',
  fix: 'Check the issuer.',
};

const noEndpoint: Finding = {
  code: 'no_introspection_endpoint',
  severity: 'error',
  seen: 'The metadata contains no introspection_endpoint that is a URL',
  cause: 'The server has none, or does not publish it.',
  fix: 'Check the issuer. If the server has an endpoint, set --introspection-endpoint (INTROSPECT_ENDPOINT), and introspectionEndpoint in the SDK.',
};

const insecureEndpoint: Finding = {
  code: 'endpoint_insecure',
  severity: 'error',
  seen: 'The introspection endpoint is plain http, and not on this machine',
  cause: 'TLS ends at a proxy, and the server does not know about it.',
  fix: "Configure https as the server's public scheme (ZITADEL: ExternalSecure), and X-Forwarded-Proto in its proxy.",
};

/** @param problem why the SDK rejects the endpoint */
function rejectedEndpoint({ protocol, username, password }: URL, problem: string): Finding {
  if (protocol === 'http:' && username === '' && password === '') return insecureEndpoint;
  return {
    code: 'endpoint_rejected',
    severity: 'error',
    seen: `The introspection endpoint ${problem}`,
    cause: 'The metadata is wrong, or a proxy rewrites it.',
    fix: 'Correct the introspection_endpoint in the metadata. If the server has another endpoint, set --introspection-endpoint (INTROSPECT_ENDPOINT), and introspectionEndpoint in the SDK.',
  };
}

const endpointElsewhere = (origin: string): Finding => ({
  code: 'endpoint_elsewhere',
  severity: 'warning',
  seen: `The introspection endpoint is at ${origin}, and the issuer is at another host`,
  cause: "The server's external domain or port differs from the address at which you reach it.",
  fix: 'Use one host for both, unless you want this: tokens and credentials are sent to the endpoint.',
});

const methodNotAdvertised = (method: AuthenticationMethod): Finding => ({
  code: 'method_not_advertised',
  severity: 'warning',
  seen: `The server does not name ${method} among the methods of its introspection endpoint`,
  cause: 'It does not support the method, or its metadata is incomplete.',
  fix: 'Use a method that it names, unless it accepts the credentials below.',
});
