import type { Command } from 'commander';
import { usage } from './failure.js';
import { checkSecure } from './http/json-request.js';
import type { Names, Settings } from './terminal/settings.js';

/** The options of every command. */
export interface CommonFlags {
  json?: true;
  env?: string;
  issuer?: string;
  instanceHost?: string;
}

export function withCommonFlags(command: Command, issuerVariables: Names = 'ZITADEL_ISSUER'): Command {
  return command
    .option(
      '--issuer <url>',
      `URL of the issuer, as in the server's metadata (${[issuerVariables].flat().join(' or ')})`,
    )
    .option(
      '--instance-host <host>',
      'Host of the public issuer, if --issuer is an internal address of ZITADEL (ZITADEL_INSTANCE_HOST)',
    )
    .option('--env <path>', 'Read variables from a file; the environment overrides them')
    .option('--json', 'Output JSON');
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
  issuer: string = issuerOf(settings.required(flags.issuer, '--issuer', 'ZITADEL_ISSUER', 'The issuer')),
  issuerVariables: Names = 'ZITADEL_ISSUER',
): Connection {
  const instanceHost = instanceHostOf(settings, flags);
  if (instanceHost === undefined) return { issuer, address: issuer, instanceHost, headers: {} };
  const headers = { 'x-zitadel-instance-host': instanceHost };
  const endpoint = flags.issuer ? undefined : settings.beside(issuerVariables, 'INTROSPECTION_ENDPOINT');
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
export function issuerOf(issuer: string): string {
  const advice = 'It looks like https://my-instance.zitadel.cloud';
  if (!URL.canParse(issuer)) throw usage('The issuer is not a URL', advice);
  const { username, password } = new URL(issuer);
  if (username !== '' || password !== '') throw usage('The issuer contains a user name or a password', advice);
  return issuer;
}

/** @throws Failure if the value is not a host, with or without a port */
export function instanceHostOf(settings: Settings, flags: CommonFlags): string | undefined {
  const host = settings.text(flags.instanceHost, 'ZITADEL_INSTANCE_HOST');
  if (
    host !== undefined &&
    (!/^[\x21-\x7e]+$/.test(host) || /[/\\?#@]/.test(host) || !URL.canParse(`http://${host}`))
  ) {
    throw usage('--instance-host (ZITADEL_INSTANCE_HOST) is not a host', 'It looks like my-instance.zitadel.cloud');
  }
  return host;
}
