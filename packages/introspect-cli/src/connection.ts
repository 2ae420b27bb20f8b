import type { ClientCredentials } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import type { Command } from 'commander';
import { usage } from './failure.js';
import { checkSecure } from './http/json-request.js';
import type { Settings } from './terminal/settings.js';

/** The options of every command. */
export interface CommonFlags {
  json?: true;
  env?: string;
  issuer?: string;
  instanceHost?: string;
}

/** The options of commands that introspect as an API. */
export interface ApiFlags extends CommonFlags {
  clientId?: string;
  keyFile?: string;
  projectId?: string;
}

export function withCommonFlags(command: Command): Command {
  return command
    .option('--issuer <url>', 'Issuer, as the console shows it (ZITADEL_ISSUER)')
    .option(
      '--instance-host <host>',
      'Host of the public issuer, if --issuer is an internal address (ZITADEL_INSTANCE_HOST)',
    )
    .option('--env <path>', 'Read variables from a file; the environment overrides them')
    .option('--json', 'Output JSON');
}

export function withApiFlags(command: Command): Command {
  return withCommonFlags(command)
    .option('--client-id <id>', 'Client id of the API (ZITADEL_CLIENT_ID)')
    .option('--key-file <path>', 'Key file of the API, instead of client id and secret (ZITADEL_KEY_FILE)')
    .option('--project-id <id>', 'Project id of the API (ZITADEL_PROJECT_ID)');
}

/** The address to which a command connects, and the issuer. */
export interface Connection {
  /** The issuer as given: the public issuer, or an internal address if there is an instance host. */
  readonly issuer: string;
  /** Where requests are sent: an internal address if `INTROSPECTION_ENDPOINT` names one, else the issuer. */
  readonly address: string;
  readonly instanceHost: string | undefined;
  /** Header fields of every request to the server. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads how to connect. If the issuer's host is the instance host, the issuer is the public one. Then the internal
 * address is the origin of `INTROSPECTION_ENDPOINT`, which `introspect register` writes next to `ZITADEL_ISSUER`.
 *
 * @throws Failure naming the setting that is missing or invalid
 */
export function connectionOf(
  settings: Settings,
  flags: CommonFlags,
  issuer: string = issuerOf(settings, flags),
): Connection {
  const instanceHost = instanceHostOf(settings, flags);
  if (instanceHost === undefined) return { issuer, address: issuer, instanceHost, headers: {} };
  const headers = { 'x-zitadel-instance-host': instanceHost };
  const endpoint = flags.issuer ? undefined : settings.beside('ZITADEL_ISSUER', 'INTROSPECTION_ENDPOINT');
  if (endpoint === undefined || new URL(issuer).host !== instanceHost) {
    return { issuer, address: issuer, instanceHost, headers };
  }
  if (!URL.canParse(endpoint)) {
    throw usage('INTROSPECTION_ENDPOINT is not a URL', 'Set it to the endpoint at the internal address, or remove it.');
  }
  checkSecure(endpoint, 'INTROSPECTION_ENDPOINT');
  return { issuer, address: new URL(endpoint).origin, instanceHost, headers };
}

/** @throws Failure that does not show the value: it may contain a password */
function issuerOf(settings: Settings, flags: CommonFlags): string {
  const issuer = settings.required(flags.issuer, '--issuer', 'ZITADEL_ISSUER', 'The issuer');
  const advice = 'It looks like https://my-instance.zitadel.cloud';
  if (!URL.canParse(issuer)) throw usage('The issuer is not a URL', advice);
  const { username, password } = new URL(issuer);
  if (username !== '' || password !== '') throw usage('The issuer contains a user name or a password', advice);
  return issuer;
}

/** @throws Failure if the value is not a host, with or without a port */
function instanceHostOf(settings: Settings, flags: CommonFlags): string | undefined {
  const host = settings.text(flags.instanceHost, 'ZITADEL_INSTANCE_HOST');
  if (
    host !== undefined &&
    (!/^[\x21-\x7e]+$/.test(host) || /[/\\?#@]/.test(host) || !URL.canParse(`http://${host}`))
  ) {
    throw usage('--instance-host (ZITADEL_INSTANCE_HOST) is not a host', 'It looks like my-instance.zitadel.cloud');
  }
  return host;
}

/**
 * Returns the credentials of this API: its key file, or else its client id and secret.
 *
 * @throws Failure naming what is missing, or a key file that cannot be used
 */
export async function credentialsOf(
  settings: Settings,
  flags: ApiFlags,
  secret = () => settings.secret('ZITADEL_CLIENT_SECRET', "The API's client secret"),
): Promise<ClientCredentials> {
  const keyFile = settings.text(flags.keyFile, 'ZITADEL_KEY_FILE');
  if (keyFile !== undefined) {
    const json = settings.readFile(keyFile, 'The key file (--key-file, ZITADEL_KEY_FILE)');
    try {
      return { clientAuthentication: privateKeyJwt({ keyJson: json }) };
    } catch (error) {
      throw usage(error instanceof TypeError ? error.message : 'The key in the key file is damaged');
    }
  }
  return {
    clientId: settings.required(flags.clientId, '--client-id', 'ZITADEL_CLIENT_ID', "The API's client id"),
    clientSecret: await secret(),
  };
}
