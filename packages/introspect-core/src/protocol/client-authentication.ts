/** How this client proves itself to the introspection endpoint (RFC 7662 §2.1). Exactly one is used for a request. */
export interface ClientAuthentication {
  readonly clientId: string;
  /** `true`: a client without `issuer` is refused at construction. */
  readonly needsIssuer?: boolean;
  /** Adds the credentials to a request's header fields (lower-case names) or form. */
  apply(request: RequestToAuthenticate, context: ClientAuthenticationContext): void | Promise<void>;
}

/** The part of a request that a {@link ClientAuthentication} may add to. */
export interface RequestToAuthenticate {
  headers: Record<string, string>;
  body: URLSearchParams;
}

export interface ClientAuthenticationContext {
  issuer?: string;
  /** The URL that is asked. */
  endpoint: string;
  /** `true` when the server has just refused these credentials and the request is made once more. */
  afterRejection: boolean;
}

const fixedAuthorizations = new WeakMap<ClientAuthentication, string>();

/** An authentication by the same `Authorization` field for every request. */
export function fixedAuthentication(clientId: string, authorization: string): ClientAuthentication {
  const authentication: ClientAuthentication = Object.freeze({
    clientId,
    apply({ headers }: RequestToAuthenticate) {
      headers.authorization = authorization;
    },
  });
  fixedAuthorizations.set(authentication, authorization);
  return authentication;
}

/** The `Authorization` field of credentials that are the same for every request: nothing need be awaited for it. */
export function fixedAuthorization(authentication: ClientAuthentication): string | undefined {
  return fixedAuthorizations.get(authentication);
}

/**
 * The value of an `Authorization` field: `"Basic " + base64(formEncode(id) + ":" + formEncode(secret))`
 * (RFC 6749 §2.3.1). The encoding is `application/x-www-form-urlencoded` of the UTF-8 bytes; nothing is trimmed
 * or normalised. An empty secret is allowed.
 *
 * @throws TypeError when the id is empty or either has a lone surrogate
 */
export function basicCredentials(clientId: string, clientSecret: string): string {
  rejectSecret('clientId', clientIdProblem(clientId));
  rejectSecret('clientSecret', secretProblem(clientSecret));
  return `Basic ${btoa(`${formEncode(clientId)}:${formEncode(clientSecret)}`)}`;
}

/** As `application/x-www-form-urlencoded` has it. */
export function formEncode(value: string): string {
  return /^[\w.*-]*$/.test(value) ? value : new URLSearchParams([['', value]]).toString().slice(1);
}

/** What is wrong with a client id, or `undefined`. */
export function clientIdProblem(given: unknown): string | undefined {
  if (typeof given === 'string' && given !== '') return encodingProblem(given);
  return 'must be a string that is not empty: copy it from the authorization server';
}

/** What is wrong with a client secret, or `undefined`. */
export function secretProblem(given: unknown): string | undefined {
  return typeof given === 'string' ? encodingProblem(given) : 'must be a string, or a function that returns one';
}

/** A lone surrogate has no UTF-8: form encoding would silently send another secret. */
function encodingProblem(given: string): string | undefined {
  return given.isWellFormed() ? undefined : 'has a lone surrogate: it is no valid text, copy it again';
}

/** @throws TypeError with the problem, if there is one */
export function rejectSecret(name: string, problem: string | undefined): void {
  if (problem !== undefined) throw new TypeError(`"${name}" ${problem}`);
}
