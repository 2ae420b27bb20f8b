import { type ClientAuthentication, clientSecretBasic } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { type ApiFlags, type Connection, connectionOf } from '../../../connection.js';
import type { Settings } from '../../../terminal/settings.js';
import { type Check, checked, type Finding } from '../finding.js';
import type { AuthenticationMethod } from '../outcome.js';
import { examineIssuer } from './issuer.js';

/** What the other checks use. */
export interface Configuration {
  readonly check: Check;
  /**
   * The connection to the issuer, corrected if it was written in another form. `undefined` if the issuer is unusable.
   */
  readonly connection: Connection | undefined;
  readonly method: AuthenticationMethod;
  /** `undefined` if the key file cannot be used. */
  readonly authentication: ClientAuthentication | undefined;
}

interface Credentials extends Pick<Configuration, 'method' | 'authentication'> {
  readonly findings: readonly Finding[];
}

/**
 * Checks the configuration, without a request. Shows neither id nor secret: they may be swapped.
 *
 * @throws Failure if a setting is missing
 */
export async function examineConfiguration(flags: ApiFlags, settings: Settings): Promise<Configuration> {
  const given = settings.required(flags.issuer, '--issuer', 'ZITADEL_ISSUER', 'The issuer');
  const { issuer, issuerText, findings: ofIssuer } = examineIssuer(given);
  const { method, authentication, findings: ofCredentials } = await examineCredentials(flags, settings);
  const detail = `${issuer === undefined ? 'an issuer that is not a URL' : issuerText}, by ${method}`;
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
  const json = settings.readFile(path, 'The key file (--key-file, ZITADEL_KEY_FILE)');
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

/** Finds characters that were copied from a page, a shell or a container's env file. */
function oddities(name: 'client_id' | 'client_secret', value: string): Finding[] {
  const label = name.replace('_', ' ');
  const findings: Finding[] = [];
  if (value !== value.trim()) {
    findings.push({
      code: `${name}_whitespace`,
      severity: 'warning',
      seen: `There is white space around the ${label}`,
      cause: 'It was copied with the value, or the file ends with a line break.',
      fix: 'Remove it: it is sent as part of the value.',
    });
  }
  if (/^(["'`]).*\1$/s.test(value.trim())) {
    findings.push({
      code: `${name}_quotes`,
      severity: 'warning',
      seen: `There are quotes around the ${label}`,
      cause: 'A program that does not remove quotes read the env file, such as docker --env-file.',
      fix: 'Remove them: they are sent as part of the value.',
    });
  }
  return findings;
}

/** Digits, on older instances followed by the project's name. */
function looksLikeClientId(value: string): boolean {
  return /^\d{15,20}(@\S+)?$/.test(value.trim());
}

const swapped: Finding = {
  code: 'credentials_swapped',
  severity: 'warning',
  seen: 'The client secret looks like a client id, and the client id does not',
  cause: 'The two are most likely swapped.',
  fix: 'Set ZITADEL_CLIENT_ID to the value with the digits, and ZITADEL_CLIENT_SECRET to the other one.',
};

const twoCredentials: Finding = {
  code: 'two_credentials',
  severity: 'warning',
  seen: 'A key file and a client secret are both set',
  cause: 'The key file is used, and the secret is ignored: a server rejects a request with both.',
  fix: 'Remove one of them.',
};

const serviceAccount: Finding = {
  code: 'key_file_service_account',
  severity: 'error',
  seen: 'The key file belongs to a service user',
  cause: 'An API authenticates by the key of its application. A service user cannot introspect.',
  fix: 'Open the API application in its project, add a key of type JSON there, and use that file.',
};

const unusableKeyFile: Finding = {
  code: 'key_file_unusable',
  severity: 'error',
  seen: "The key file is not an application's key file",
  cause: 'It is not the JSON that ZITADEL creates for an application ("type": "application"), or its key is not PEM.',
  fix: 'Download the key again, and use the file unchanged.',
};
