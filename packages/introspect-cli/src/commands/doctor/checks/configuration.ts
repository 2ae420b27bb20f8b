import { type ClientAuthentication, noClientAuthentication } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { type ApiFlags, type ApiLocation, apiLocationOf } from '../../../api-location.js';
import {
  authMethodOf,
  bearerAuthenticationOf,
  clientIdOf,
  clientSecretOf,
  readKeyFile,
  secretAuthentication,
} from '../../../client-authentication.js';
import { usage } from '../../../failure.js';
import type { Settings } from '../../../terminal/settings.js';
import { variables } from '../../../variables.js';
import { type Check, checked, type Finding } from '../finding.js';
import type { AuthenticationMethod } from '../outcome.js';
import { examineIssuer } from './issuer.js';

/** What the other checks use. */
export interface Configuration {
  readonly check: Check;
  /**
   * The server, with the issuer corrected if it was written in another form. `undefined` if the issuer is unusable.
   */
  readonly location: ApiLocation | undefined;
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
  const given = settings.text(flags.issuer, variables.issuer);
  const {
    issuer,
    issuerText,
    findings: ofIssuer,
  } = given === undefined ? withoutIssuer(settings, flags) : examineIssuer(given);
  const { method, authentication, findings: ofCredentials } = await examineCredentials(flags, settings);
  const isUnusable = given !== undefined && issuer === undefined;
  const location = isUnusable ? undefined : apiLocationOf(settings, flags, given && issuerText);
  const shown = isUnusable ? 'an issuer that is not a URL' : issuerText || location?.endpoint;
  const check = checked('configuration', `${shown}, by ${method}`, [...ofIssuer, ...ofCredentials]);
  return { check, location, method, authentication };
}

/** @throws Failure if the endpoint is missing too, or if the key needs the issuer */
function withoutIssuer(settings: Settings, flags: ApiFlags): ReturnType<typeof examineIssuer> {
  apiLocationOf(settings, flags);
  if (authMethodOf(settings, flags) === 'key') {
    throw usage('The issuer is missing', 'Set --issuer or INTROSPECT_ISSUER: the assertion of the key names it.');
  }
  return { issuer: undefined, issuerText: '', findings: [] };
}

async function examineCredentials(flags: ApiFlags, settings: Settings): Promise<Credentials> {
  const auth = authMethodOf(settings, flags);
  const secret = (variable: string | readonly string[], what: string) => settings.secret(variable, what);
  if (auth === 'key') return examineKeyFile(flags, settings);
  const optionalId = settings.text(flags.clientId, variables.clientId);
  if (auth === 'none') {
    return { method: 'none', authentication: noClientAuthentication({ clientId: optionalId ?? 'none' }), findings: [] };
  }
  if (auth === 'bearer') {
    return { method: 'bearer', authentication: await bearerAuthenticationOf(optionalId, secret), findings: [] };
  }
  const clientId = clientIdOf(settings, flags);
  const clientSecret = await clientSecretOf(secret);
  const findings = [...oddities('client_id', clientId), ...oddities('client_secret', clientSecret)];
  if (looksLikeClientId(clientSecret) && !looksLikeClientId(clientId)) findings.push(swapped);
  const authentication = secretAuthentication(auth, { clientId, clientSecret });
  return { method: auth === 'post' ? 'client_secret_post' : 'client_secret_basic', authentication, findings };
}

function examineKeyFile(flags: ApiFlags, settings: Settings): Credentials {
  const json = readKeyFile(settings, flags);
  const findings = settings.text(undefined, variables.clientSecret) === undefined ? [] : [twoCredentials];
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
