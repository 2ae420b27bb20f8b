import { AccessDeniedError } from '../errors/errors.js';
import type { ActiveToken } from '../protocol/active-token.js';
import { isPromise } from '../runtime/is-promise.js';

/** The part of a Standard Schema (version 1) that is used: zod, valibot, arktype and others implement it. */
export interface StandardSchema<Output = unknown> {
  /** The schema's validator and types, as its library provides them. */
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The type itself. The compiler infers from it last: a schema of arktype is also a function, which may return errors,
 * and `Claims` must be the output of the schema.
 */
type InferredLast<Type> = Type extends unknown ? Type : never;

/** The option `claims`: a Standard Schema, or a function from the token. Both must be synchronous. */
export type ClaimsSource<Claims> = StandardSchema<Claims> | ((token: ActiveToken) => InferredLast<Claims>);

/**
 * Returns a function that adds `token.claims` to a token: the output of `source`. It runs `source` once for each
 * response of the server, however often that response is used.
 *
 * The function throws an AccessDeniedError if the claims do not match the schema. `onMismatch` gets the paths of the
 * claims that do not match, and never a value.
 */
export function claimsReader(
  source: ClaimsSource<unknown>,
  onMismatch: (paths: readonly string[]) => void,
): (response: ActiveToken) => ActiveToken {
  const read = new WeakMap<ActiveToken, ActiveToken | readonly string[]>();
  // A schema can be a function too: those of arktype are.
  const claimsOf = '~standard' in source ? validator(source) : (token: ActiveToken) => ({ value: source(token) });
  return (response) => {
    let result = read.get(response);
    if (result === undefined) {
      result = tokenOrPaths(response, claimsOf(response));
      read.set(response, result);
    }
    if (!Array.isArray(result)) return result as ActiveToken;
    onMismatch(result);
    throw new AccessDeniedError();
  };
}

function tokenOrPaths(response: ActiveToken, result: StandardResult<unknown>): ActiveToken | readonly string[] {
  if (result.issues !== undefined) return [...new Set(result.issues.map(pathOf))];
  rejectPromise(result.value);
  return Object.freeze({ ...response, claims: result.value });
}

function validator(schema: StandardSchema): (token: ActiveToken) => StandardResult<unknown> {
  return (token) => {
    // The schemas of arktype, which are functions, may delete members of their input in place.
    const result = schema['~standard'].validate(typeof schema === 'function' ? { ...token } : token);
    rejectPromise(result);
    return result as StandardResult<unknown>;
  };
}

/** @throws TypeError if the value is a promise */
function rejectPromise(value: unknown): void {
  if (!isPromise(value)) return;
  throw new TypeError('"claims" must be synchronous, and not return a promise');
}

/** Returns the path of an issue, such as `address.country`. An empty path is the token itself. */
function pathOf({ path = [] }: StandardIssue): string {
  return path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
