/** Reads the JSON of a key that ZITADEL creates for an application. */
import { credentialProblem } from '../../options.js';
import { optionError } from './option-error.js';

/** The key of an application, as ZITADEL's key file contains it. */
export interface KeyJson {
  /** The kind of key. The key of a service user is rejected. */
  readonly type: 'application';
  /** The id of the key. */
  readonly keyId: string;
  /** The private key as PEM. */
  readonly key: string;
  /** The client id of the application. */
  readonly clientId: string;
}

/**
 * Reads a key file's content. Does not check that the key is a valid PEM.
 *
 * @throws TypeError naming the member, never with a part of the key
 */
export function readKeyJson(given: unknown): KeyJson {
  const unset = credentialProblem(given);
  if (unset !== undefined) throw optionError(`"keyJson" ${unset}`);
  const value = typeof given === 'string' ? parse(given) : given;
  const { type, keyId, key, clientId } = Object(value) as Record<string, unknown>;
  if (type === 'serviceaccount') {
    throw optionError(
      '"keyJson" is the key of a service user ("serviceaccount"): an API needs the key of its application, ' +
        'so download that one ("application") where the API is registered',
    );
  }
  if (type !== 'application') {
    throw optionError(
      '"keyJson" must be the content of an application\'s key file, as downloaded: an object or its JSON',
    );
  }
  checkText('keyJson.keyId', keyId);
  checkText('keyJson.key', key);
  checkText('keyJson.clientId', clientId);
  return { type, keyId, key, clientId };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw optionError('"keyJson" is a string that is not JSON: give the content of the key file, not its path');
  }
}

function checkText(option: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') throw optionError(`"${option}" must be a string that is not empty`);
}
