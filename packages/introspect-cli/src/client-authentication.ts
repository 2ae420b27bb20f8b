import {
  bearerAuthentication,
  type ClientAuthentication,
  type ClientCredentials,
  clientSecretBasic,
  clientSecretPost,
  noClientAuthentication,
} from '@acme/introspect-core';
import { checkedOptions } from './checked-options.js';
import { usage } from './failure.js';
import { type KeySettings, keyAuthentication } from './key-file.js';
import type { Settings } from './terminal/settings.js';
import { variables } from './variables.js';

/**
 * How a command authenticates at the introspection endpoint, as the value of `--auth`. `basic-raw` is HTTP Basic without
 * form encoding, for servers that do not decode it.
 */
export const authMethods = ['basic', 'basic-raw', 'post', 'key', 'bearer', 'none'] as const;
export type AuthMethod = (typeof authMethods)[number];

/** The options that say how to authenticate. */
export interface AuthFlags {
  auth?: AuthMethod;
  clientId?: string;
  keyFile?: string;
  keyId?: string;
}

/**
 * Returns the method of `--auth` or `INTROSPECT_AUTH`. Without them, it is the key if there is a key file, or else basic.
 *
 * @throws Failure if the variable names an unknown method
 */
export function authMethodOf(settings: Settings, flags: AuthFlags): AuthMethod {
  const given = settings.text(flags.auth, variables.auth);
  if (given === undefined) return settings.text(flags.keyFile, variables.keyFile) === undefined ? 'basic' : 'key';
  const method = authMethods.find((each) => each === given);
  if (method === undefined) throw usage(`${variables.auth} must be one of ${authMethods.join(', ')}`);
  return method;
}

/** Returns a secret: from the settings, a prompt or stdin. */
export type ReadSecret = (variable: string | readonly string[], what: string) => Promise<string>;

/**
 * Returns the credentials for the introspection endpoint.
 *
 * @throws Failure naming what is missing, or a key file that cannot be used
 */
export async function credentialsOf(
  settings: Settings,
  flags: AuthFlags,
  secret: ReadSecret = (variable, what) => settings.secret(variable, what),
): Promise<ClientCredentials> {
  const method = authMethodOf(settings, flags);
  const optionalId = settings.text(flags.clientId, variables.clientId);
  if (method === 'none') return { clientAuthentication: noClientAuthentication({ clientId: optionalId ?? 'none' }) };
  if (method === 'bearer') return { clientAuthentication: await bearerAuthenticationOf(optionalId, secret) };
  if (method === 'key') {
    const text = readKeyFile(settings, flags);
    return { clientAuthentication: checkedOptions(() => keyAuthentication(text, keySettings(settings, flags))) };
  }
  const clientId = clientIdOf(settings, flags);
  const clientSecret = await clientSecretOf(secret);
  return { clientAuthentication: secretAuthentication(method, { clientId, clientSecret }) };
}

/** @throws Failure if the client id cannot be sent by this method */
export function secretAuthentication(
  method: 'basic' | 'basic-raw' | 'post',
  credentials: { clientId: string; clientSecret: string },
): ClientAuthentication {
  return checkedOptions(() => {
    if (method === 'post') return clientSecretPost(credentials);
    return clientSecretBasic({ ...credentials, encoding: method === 'basic' ? 'form' : 'raw' });
  });
}

/** @throws Failure if it is missing */
export function clientIdOf(settings: Settings, flags: AuthFlags): string {
  return settings.required(flags.clientId, '--client-id', variables.clientId, "The API's client id");
}

export function clientSecretOf(secret: ReadSecret): Promise<string> {
  return secret(variables.clientSecret, "The API's client secret");
}

/** Returns what a key file may lack: client id and key id. */
export function keySettings(settings: Settings, flags: AuthFlags): KeySettings {
  return {
    clientId: () => clientIdOf(settings, flags),
    keyId: () =>
      settings.required(flags.keyId, '--key-id', variables.keyId, 'The key id (kid) of the key at the server'),
    optionalKeyId: () => settings.text(flags.keyId, variables.keyId),
  };
}

/** @throws Failure if it is missing or cannot be read */
export function readKeyFile(settings: Settings, flags: AuthFlags): string {
  const path = settings.required(flags.keyFile, '--key-file', variables.keyFile, "The API's key file");
  return settings.readFile(path, 'The key file (--key-file, ZITADEL_KEY_FILE)');
}

/**
 * Returns an authentication by a bearer token of this API (RFC 7662 §2.1).
 *
 * @throws Failure if the token is missing, or contains characters that no bearer token has
 */
export async function bearerAuthenticationOf(clientId = 'bearer', secret: ReadSecret): Promise<ClientAuthentication> {
  const token = await secret(variables.bearerToken, "The API's bearer token");
  if (!/^[\w.~+/-]+=*$/.test(token)) {
    throw usage(`${variables.bearerToken} is not a bearer token: write it without "Bearer" and without white space`);
  }
  return bearerAuthentication({ clientId, token });
}
