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
 * `Type`, but the compiler infers `Claims` from it only if it finds nothing else. A schema of arktype is also a function,
 * whose result may be errors. `Claims` must be the output of the schema, not that result.
 */
type InferredLast<Type> = Type extends unknown ? Type : never;

/**
 * The option `claims`: a Standard Schema, or a function from the token. Both must be synchronous: a promise makes the
 * request fail with a TypeError.
 */
export type ClaimsSource<Claims> = StandardSchema<Claims> | ((token: ActiveToken) => InferredLast<Claims>);

/** Stands in `claims` until the claims have been read. No request gets a token that has it. */
class UnreadClaims {
  readonly response: ActiveToken;
  /** The paths that do not match, once the source has run. */
  mismatch: readonly string[] | undefined;

  constructor(response: ActiveToken) {
    this.response = response;
  }
}

/**
 * Adds `token.claims`, the output of a source, to tokens. It runs the source once for each response of the server, however
 * often that response is used.
 */
export class ClaimsReader {
  readonly #claimsOf: (token: ActiveToken) => StandardResult<unknown>;
  readonly #onMismatch: (paths: readonly string[]) => void;

  /** @param onMismatch gets the paths of the claims that do not match the schema, and never a value */
  constructor(source: ClaimsSource<unknown>, onMismatch: (paths: readonly string[]) => void) {
    // A schema can be a function too: those of arktype are.
    this.#claimsOf = '~standard' in source ? validator(source) : (token) => ({ value: source(token) });
    this.#onMismatch = onMismatch;
  }

  /** Returns a copy of the response, for which `read` runs the source once. */
  readonly prepare = (response: ActiveToken): ActiveToken => ({ ...response, claims: new UnreadClaims(response) });

  /**
   * Returns the token of a prepared response, with its claims. Runs the source only at the first call, and after it threw.
   *
   * @throws AccessDeniedError if the claims do not match the schema, and what the source throws
   */
  read(prepared: ActiveToken): ActiveToken {
    const unread = prepared.claims;
    if (!(unread instanceof UnreadClaims)) return prepared;
    if (unread.mismatch === undefined) {
      const result = this.#claimsOf(unread.response);
      if (result.issues === undefined) {
        rejectPromise(result.value);
        return Object.freeze(Object.assign(prepared, { claims: result.value }));
      }
      unread.mismatch = [...new Set(result.issues.map(pathOf))];
    }
    this.#onMismatch(unread.mismatch);
    throw new AccessDeniedError();
  }
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
