import { type ClientAuthentication, noClientAuthentication } from '@acme/introspect-core';
import { type ApiFlags, type ApiLocation, apiLocationOf } from '../../../api-location.js';
import {
  authMethodOf,
  bearerAuthenticationOf,
  clientIdOf,
  clientSecretOf,
  keySettings,
  readKeyFile,
  secretAuthentication,
} from '../../../client-authentication.js';
import { usage } from '../../../failure.js';
import { jsonObject } from '../../../http/json-object.js';
import { keyAuthentication } from '../../../key-file.js';
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
  const text = readKeyFile(settings, flags);
  const findings = settings.text(undefined, variables.clientSecret) === undefined ? [] : [twoCredentials];
  try {
    const authentication = keyAuthentication(text, keySettings(settings, flags));
    return { method: 'private_key_jwt', authentication, findings };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const finding = jsonObject(text)?.type === 'serviceaccount' ? serviceAccount : unusableKeyFile(error.message);
    return { method: 'private_key_jwt', authentication: undefined, findings: [...findings, finding] };
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
      cause: 'The env file was read by a program that keeps quotes, such as docker --env-file.',
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
  cause: 'The key file is used, and the secret is ignored: a server does not accept both.',
  fix: 'Remove one of them.',
};

const serviceAccount: Finding = {
  code: 'key_file_service_account',
  severity: 'error',
  seen: 'The key file belongs to a service user',
  cause: 'An API authenticates by the key of its application. A service user cannot introspect.',
  fix: 'Open the API application in its project, add a key of type JSON there, and use that file.',
};

/** @param reason why the key cannot be used, without a part of it */
const unusableKeyFile = (reason: string): Finding => ({
  code: 'key_file_unusable',
  severity: 'error',
  seen: 'The key file cannot be used',
  cause: `${reason}.`,
  fix: "Use ZITADEL's key file unchanged, or a private key as PEM or JWK, with --client-id and --key-id.",
});
