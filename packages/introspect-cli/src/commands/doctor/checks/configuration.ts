import { type ClientAuthentication, clientSecretBasic } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { type ApiFlags, type Connection, connectionOf } from '../../../connection.js';
import { readFileOf, type Settings } from '../../../terminal/settings.js';
import { type Check, checked, type Finding } from '../finding.js';
import type { AuthenticationMethod } from '../outcome.js';
import { examineIssuer } from './issuer.js';

/** What the other checks go by. */
export interface Configuration {
  readonly check: Check;
  /**
   * The connection to the issuer, corrected if it was written in another form. `undefined` if the issuer is unusable.
   */
  readonly connection: Connection | undefined;
  readonly method: AuthenticationMethod;
  /** `undefined`: the key file cannot serve. */
  readonly authentication: ClientAuthentication | undefined;
}

interface Credentials extends Pick<Configuration, 'method' | 'authentication'> {
  readonly findings: readonly Finding[];
}

/**
 * Looks at what is configured, before anything is asked. Shows neither id nor secret: they may have been mixed up.
 *
 * @throws Failure when something is missing
 */
export async function examineConfiguration(flags: ApiFlags, settings: Settings): Promise<Configuration> {
  const given = settings.required(flags.issuer, '--issuer', 'ZITADEL_ISSUER', 'The issuer');
  const { issuer, issuerText, findings: ofIssuer } = examineIssuer(given);
  const { method, authentication, findings: ofCredentials } = await examineCredentials(flags, settings);
  const detail = `${issuer === undefined ? 'an issuer that is no URL' : issuerText}, by ${method}`;
  const check = checked('configuration', detail, [...ofIssuer, ...ofCredentials]);
  const connection = issuer === undefined ? undefined : connectionOf(settings, flags, issuerText);
  return { check, connection, method, authentication };
}

async function examineCredentials(flags: ApiFlags, settings: Settings): Promise<Credentials> {
  const path = settings.text(flags.keyFile, 'ZITADEL_KEY_FILE');
  if (path !== undefined) return examineKeyFile(path, settings);
  const clientId = settings.required(flags.clientId, '--client-id', 'ZITADEL_CLIENT_ID', "The API's client id");
  const clientSecret = await settings.secret('ZITADEL_CLIENT_SECRET', "The API's client secret");
  const findings = [...oddities('client_id', clientId), ...oddities('client_secret', clientSecret)];
  if (looksLikeClientId(clientSecret) && !looksLikeClientId(clientId)) findings.push(swapped);
  return { method: 'client_secret_basic', authentication: clientSecretBasic({ clientId, clientSecret }), findings };
}

function examineKeyFile(path: string, settings: Settings): Credentials {
  const json = readFileOf(path, 'The key file (--key-file, ZITADEL_KEY_FILE)');
  const findings = settings.text(undefined, 'ZITADEL_CLIENT_SECRET') === undefined ? [] : [twoCredentials];
  try {
    return { method: 'private_key_jwt', authentication: privateKeyJwt({ keyJson: json }), findings };
  } catch {
    const finding = isServiceAccount(json) ? serviceAccount : unusableKeyFile;
    return { method: 'private_key_jwt', authentication: undefined, findings: [...findings, finding] };
  }
}

function isServiceAccount(json: string): boolean {
  try {
    return Object(JSON.parse(json)).type === 'serviceaccount';
  } catch {
    return false;
  }
}

/** What a copy from a page, a shell or a container's file of variables brings along. */
function oddities(name: 'client_id' | 'client_secret', value: string): Finding[] {
  const what = name.replace('_', ' ');
  const findings: Finding[] = [];
  if (value !== value.trim()) {
    findings.push({
      code: `${name}_whitespace`,
      severity: 'warning',
      seen: `There is white space around the ${what}`,
      cause: 'It was copied along, or a line end was left at the end of a file.',
      fix: 'Remove it: it is sent as it stands, and counts.',
    });
  }
  if (/^(["'`]).*\1$/s.test(value.trim())) {
    findings.push({
      code: `${name}_quotes`,
      severity: 'warning',
      seen: `There are quotes around the ${what}`,
      cause: 'The file of variables was read by something that does not remove quotes, such as docker --env-file.',
      fix: 'Remove them: they are sent as they stand, and count.',
    });
  }
  return findings;
}

/** Digits, with the project's name behind them on older instances. */
function looksLikeClientId(value: string): boolean {
  return /^\d{15,20}(@\S+)?$/.test(value.trim());
}

const swapped: Finding = {
  code: 'credentials_swapped',
  severity: 'warning',
  seen: 'The client secret looks like a client id, and the client id does not',
  cause: 'The two were most likely mixed up.',
  fix: 'Set ZITADEL_CLIENT_ID to the one of digits, and ZITADEL_CLIENT_SECRET to the other.',
};

const twoCredentials: Finding = {
  code: 'two_credentials',
  severity: 'warning',
  seen: 'A key file and a client secret are both set',
  cause: 'The key file is used and the secret is not; a server refuses both at once.',
  fix: 'Leave one of them away, so that nobody has to guess.',
};

const serviceAccount: Finding = {
  code: 'key_file_service_account',
  severity: 'fault',
  seen: 'The key file is that of a service user',
  cause: 'An API proves itself by the key of its application, and a service user cannot introspect.',
  fix: 'Open the API application in its project, add a key of type JSON there, and use that file.',
};

const unusableKeyFile: Finding = {
  code: 'key_file_unusable',
  severity: 'fault',
  seen: "The key file is not an application's key file",
  cause: 'It is not the JSON that ZITADEL hands out for an application ("type": "application"), or its key is no PEM.',
  fix: 'Download the key again and use the file as it is.',
};
