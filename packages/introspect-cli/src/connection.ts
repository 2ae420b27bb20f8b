import type { IntrospectionClientOptions } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import type { Command } from 'commander';
import { usage } from './failure.js';
import { readFileOf, type Settings } from './settings.js';

/** What every command takes. */
export interface CommonFlags {
  json?: true;
  envFile?: string;
  issuer?: string;
  instanceHost?: string;
}

/** What commands that ask as an API take besides. */
export interface ApiFlags extends CommonFlags {
  clientId?: string;
  keyFile?: string;
  projectId?: string;
}

export function withCommonFlags(command: Command): Command {
  return command
    .option('--issuer <url>', 'the issuer, as the console shows it (ZITADEL_ISSUER)')
    .option(
      '--instance-host <host>',
      'sent as x-zitadel-instance-host, for an internal address (ZITADEL_INSTANCE_HOST)',
    )
    .option('--env-file <path>', 'a file of variables; those of the environment win')
    .option('--json', 'one JSON value on stdout, and nothing else there');
}

export function withApiFlags(command: Command): Command {
  return withCommonFlags(command)
    .option('--client-id <id>', 'the client id of the API (ZITADEL_CLIENT_ID)')
    .option('--key-file <path>', 'the key file of the API, in place of id and secret (ZITADEL_KEY_FILE)')
    .option('--project-id <id>', 'the project of the API (ZITADEL_PROJECT_ID)');
}

/** @throws Failure naming what is missing, or is no URL */
export function issuerOf(settings: Settings, flags: CommonFlags): string {
  const issuer = settings.required(flags.issuer, '--issuer', 'ZITADEL_ISSUER', 'The issuer');
  if (!URL.canParse(issuer))
    throw usage(`The issuer is no URL: ${issuer}`, 'It looks like https://my-instance.zitadel.cloud');
  return issuer;
}

/** Headers that every request to the server takes along. */
export function headersOf(settings: Settings, flags: CommonFlags): Record<string, string> {
  const host = settings.text(flags.instanceHost, 'ZITADEL_INSTANCE_HOST');
  return host === undefined ? {} : { 'x-zitadel-instance-host': host };
}

/**
 * How this API proves itself: by its key file, or else by id and secret.
 *
 * @throws Failure naming what is missing, or is no key file
 */
export async function credentialsOf(
  settings: Settings,
  flags: ApiFlags,
  secret = () => settings.secret('ZITADEL_CLIENT_SECRET', "The API's client secret"),
): Promise<Pick<IntrospectionClientOptions, 'clientId' | 'clientSecret' | 'clientAuthentication'>> {
  const keyFile = settings.text(flags.keyFile, 'ZITADEL_KEY_FILE');
  if (keyFile !== undefined) {
    const json = readFileOf(keyFile, 'The key file (--key-file, ZITADEL_KEY_FILE)');
    try {
      return { clientAuthentication: privateKeyJwt({ keyFile: json }) };
    } catch (error) {
      throw usage((error as TypeError).message);
    }
  }
  return {
    clientId: settings.required(flags.clientId, '--client-id', 'ZITADEL_CLIENT_ID', "The API's client id"),
    clientSecret: await secret(),
  };
}
