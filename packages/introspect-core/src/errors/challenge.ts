/**
 * The parameters of a `Bearer` challenge, as on the wire (RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1).
 *
 * All but `error_description` come from configuration, where {@link challengeProblem} has checked them.
 */
export interface ChallengeParameters {
  /** The protection space (RFC 9110 §11.5). */
  realm?: string | undefined;
  /** The error code (RFC 6750 §3.1). */
  error?: string | undefined;
  /** One sentence for developers. */
  error_description?: string | undefined;
  /** The scopes that the route needs, separated by single spaces. */
  scope?: string | undefined;
  /** The accepted values of `acr`, separated by single spaces (RFC 9470 §3). */
  acr_values?: string | undefined;
  /** How long ago the user may have logged in, in whole seconds (RFC 9470 §3). */
  max_age?: number | undefined;
  /** The URL of the resource metadata (RFC 9728 §5.1). */
  resource_metadata?: string | undefined;
}

/** All parameters, in the order in which they are written. */
const names = [
  'realm',
  'error',
  'error_description',
  'scope',
  'acr_values',
  'max_age',
  'resource_metadata',
] as const satisfies readonly (keyof ChallengeParameters)[];

/** Both limits are in characters. */
const maxDescriptionLength = 200;
const maxParameterLength = 2048;

/** Returns the value of a `WWW-Authenticate` field: one challenge, each parameter once. */
export function bearerChallenge(parameters: ChallengeParameters): string {
  const written = names
    .filter((name) => parameters[name] !== undefined)
    .map((name) => `${name}="${quotable(name, String(parameters[name]))}"`);
  return `Bearer ${written.join(', ') || 'realm="api"'}`; // a challenge needs a parameter (RFC 6750 §3)
}

/** Returns why a configured parameter is invalid, or `undefined` if it is valid. */
export function challengeProblem(name: 'realm' | 'scope' | 'acr_values', value: string): string | undefined {
  if (value === '') return 'must not be empty';
  if (value.length > maxParameterLength) return `must be no longer than ${maxParameterLength} characters altogether`;
  if (name === 'realm') {
    return /^[\x20-\x7e]+$/.test(value) ? undefined : 'must be of printable ASCII characters';
  }
  return /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(value)
    ? undefined
    : 'must be of printable ASCII characters, without spaces, double quotes and backslashes';
}

/** Escapes a realm (RFC 9110 §5.6.4). In a description, replaces characters that RFC 6750 §3 does not permit. */
function quotable(name: keyof ChallengeParameters, value: string): string {
  if (name === 'realm') return value.replaceAll(/["\\]/g, '\\$&');
  if (name !== 'error_description') return value;
  return value.slice(0, maxDescriptionLength).replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?');
}
