import { isLoopback, metadataUrls } from '@acme/introspect-core';
import type { Connection } from '../../../connection.js';
import { connectedUrl, isOfInstanceHost } from '../../../zitadel/authorization-server.js';
import { type Check, checked, type Finding } from '../finding.js';
import { type AuthenticationMethod, diagnose } from '../outcome.js';
import { noResponseFinding, type RawResponse, sendRaw } from '../raw-response.js';

export interface Discovery {
  readonly check: Check;
  readonly answer: RawResponse | undefined;
  /** Where credentials may be sent, and under which issuer: as the server ends it, with or without a slash. */
  readonly place: Place | undefined;
}

export interface Place {
  readonly endpoint: string;
  /** The options with which the SDK calls the server. */
  readonly clientOptions: { readonly issuer: string; readonly introspectionEndpoint?: string };
}

type Metadata = Readonly<Record<string, unknown>>;

/** Whether the server's metadata (OpenID Connect Discovery §4) says what the SDK must find there. */
export async function checkDiscovery(
  connection: Connection,
  method: AuthenticationMethod,
  timeoutMs: number,
): Promise<Discovery> {
  const { address, headers, instanceHost } = connection;
  const [url] = metadataUrls(address);
  const answer = await sendRaw({ url, headers, timeoutMs });
  const failed = (finding: Finding, detail = url) => checked('discovery', detail, [finding]);
  if (!('status' in answer)) {
    return { check: failed(noResponseFinding(answer, timeoutMs)), answer: undefined, place: undefined };
  }
  if (answer.status !== 200 || answer.json === undefined) {
    const found = diagnose(answer, method);
    const finding =
      found?.code === 'no_instance' && instanceHost !== undefined
        ? { ...found, ...noSuchInstance(instanceHost) }
        : found;
    const detail = answer.leadsTo === undefined ? url : `${url} leads to ${answer.leadsTo}`;
    return { check: finding ? failed(finding, detail) : checked('discovery', url), answer, place: undefined };
  }
  const { findings, place } = examineMetadata(answer.json, connection, method);
  return { check: checked('discovery', place?.endpoint ?? url, findings), answer, place };
}

/** What is wrong with the metadata, and where it is safe to go on. */
function examineMetadata(
  metadata: Metadata,
  connection: Connection,
  method: AuthenticationMethod,
): { findings: Finding[]; place: Place | undefined } {
  const { issuer: theirs, introspection_endpoint: named } = metadata;
  const { issuer, address, instanceHost } = connection;
  const isPublic = isOfInstanceHost(theirs, connection);
  const own = isPublic ? theirs : issuer;
  const findings = isPublic ? [] : issuerFindings(theirs, connection);
  if (typeof named !== 'string' || !/^https?:/.test(named) || !URL.canParse(named)) {
    return { findings: [...findings, noEndpoint], place: undefined };
  }
  // The metadata of another issuer must not decide where credentials are sent.
  const isOurs = isPublic || isSameButSlash(theirs, issuer);
  const endpoint = new URL(named);
  const isInsecure = endpoint.protocol === 'http:' && !isLoopback(endpoint.hostname);
  if (isInsecure) findings.push(insecureEndpoint);
  else if (endpoint.host !== new URL(own).host) findings.push(endpointElsewhere(endpoint.origin));
  if (!advertises(metadata, method)) findings.push(methodNotAdvertised(method));
  if (!isOurs || isInsecure) return { findings, place: undefined };
  const connected = connectedUrl(named, { issuer: theirs, address });
  const clientOptions = { issuer: theirs, ...(instanceHost !== undefined && { introspectionEndpoint: connected }) };
  return { findings, place: { endpoint: connected, clientOptions } };
}

function isSameButSlash(named: unknown, configured: string): named is string {
  return typeof named === 'string' && named.replace(/\/$/, '') === configured.replace(/\/$/, '');
}

function advertises(metadata: Metadata, method: AuthenticationMethod): boolean {
  const methods = metadata.introspection_endpoint_auth_methods_supported;
  return !Array.isArray(methods) || methods.includes(method);
}

/** The issuer is compared character by character (RFC 8414 §3.3). */
function issuerFindings(named: unknown, { issuer: configured, instanceHost }: Connection): Finding[] {
  if (named === configured) return [];
  if (typeof named !== 'string' || !URL.canParse(named)) return [noIssuer];
  if (isSameButSlash(named, configured)) return [slashMismatch(named.endsWith('/'))];
  const { origin, protocol, host } = new URL(named);
  const issuer = new URL(configured);
  if (host === issuer.host && protocol !== issuer.protocol) return [schemeMismatch(origin)];
  if (host !== issuer.host) return [hostMismatch(origin, instanceHost)];
  return [pathMismatch];
}

function mismatch(kind: string, seen: string, cause: string, fix: string): Finding {
  return { code: `issuer_mismatch${kind}`, severity: 'fault', seen, cause, fix };
}

const slashMismatch = (endsWithOne: boolean) =>
  mismatch(
    '_slash',
    `The server's issuer ends ${endsWithOne ? 'with' : 'without'} a slash, and the configured one does not agree`,
    'Issuers are compared character by character.',
    endsWithOne ? 'End the configured issuer with a slash.' : 'Leave the last slash of the configured issuer away.',
  );

const schemeMismatch = (origin: string) =>
  mismatch(
    '_scheme',
    `The server calls itself ${origin}`,
    'TLS is ended before the server, which was not told, or the issuer was written with the wrong scheme.',
    'Configure the issuer as the server names it, or tell ZITADEL (ExternalSecure) and its proxy (X-Forwarded-Proto) that it is https.',
  );

const hostMismatch = (origin: string, instanceHost: string | undefined) =>
  instanceHost === undefined
    ? mismatch(
        '_host',
        `The server calls itself ${origin}`,
        'The configured host is an internal or an old name of the server.',
        `Configure ${origin} as issuer. If only the internal address can be reached, also set --instance-host (ZITADEL_INSTANCE_HOST) to ${new URL(origin).host}; in code, set introspectionEndpoint to the internal endpoint, and send the header x-zitadel-instance-host.`,
      )
    : mismatch(
        '_host',
        `The server calls itself ${origin}, and --instance-host (ZITADEL_INSTANCE_HOST) is ${instanceHost}`,
        'The instance host is not the host of the public issuer with its port, or this server does not read x-zitadel-instance-host.',
        'Give the host of the issuer as the console shows it, with its port if it has one.',
      );

const noSuchInstance = (instanceHost: string) => ({
  cause: `The server knows no instance of the host ${instanceHost}, which --instance-host (ZITADEL_INSTANCE_HOST) gives.`,
  fix: 'Give the host of the public issuer as the console shows it, with its port if it has one.',
});

const pathMismatch = mismatch(
  '',
  'The server names another issuer on the same host',
  'The path of the issuer was written differently.',
  'Copy the issuer from the console, or from the "issuer" in the metadata.',
);

const noIssuer: Finding = {
  code: 'metadata_without_issuer',
  severity: 'fault',
  seen: 'The metadata name no issuer that is a URL',
  cause: 'This is not the metadata of an authorization server.',
  fix: 'Check the issuer.',
};

const noEndpoint: Finding = {
  code: 'no_introspection_endpoint',
  severity: 'fault',
  seen: 'The metadata name no introspection_endpoint that is a URL',
  cause: 'The server has none, or does not tell.',
  fix: 'Check the issuer; if the server has an endpoint, give it to the SDK as introspectionEndpoint.',
};

const insecureEndpoint: Finding = {
  code: 'endpoint_insecure',
  severity: 'fault',
  seen: 'The introspection endpoint is plain http, and not on this machine',
  cause: 'TLS is ended before the server, which was not told.',
  fix: 'Tell ZITADEL (ExternalSecure) and its proxy (X-Forwarded-Proto) that it is https.',
};

const endpointElsewhere = (origin: string): Finding => ({
  code: 'endpoint_elsewhere',
  severity: 'warning',
  seen: `The introspection endpoint is at ${origin}, and the issuer is not`,
  cause: "The server's external domain or port is set differently from how it is reached.",
  fix: 'Let both be one host, unless it is meant so: tokens and credentials go to the endpoint.',
});

const methodNotAdvertised = (method: AuthenticationMethod): Finding => ({
  code: 'method_not_advertised',
  severity: 'warning',
  seen: `The server does not name ${method} among the methods of its introspection endpoint`,
  cause: 'It does not take it, or its metadata are incomplete.',
  fix: 'Use a method that it names, unless the credentials below are accepted.',
});
