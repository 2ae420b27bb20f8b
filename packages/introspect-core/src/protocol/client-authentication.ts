/** A way to authenticate the client at the introspection endpoint (RFC 7662 §2.1). Each client uses exactly one. */
export interface ClientAuthentication {
  /** The client id at the authorization server. */
  readonly clientId: string;
  /**
   * `true` if `apply` needs the issuer. The client's constructor then throws a TypeError without `issuer`.
   *
   * @default false
   */
  readonly needsIssuer?: boolean;
  /**
   * Adds the credentials to the request. Called for each request, so the credentials may change.
   *
   * @throws anything. An IntrospectionError is passed on. For another error, the call fails with an UnavailableError,
   * which does not contain that error
   */
  apply(request: RequestToAuthenticate, context: ClientAuthenticationContext): void | Promise<void>;
}

/** The part of a request that a {@link ClientAuthentication} may add to. */
export interface RequestToAuthenticate {
  /** Header fields, with names in lower case. */
  headers: Record<string, string>;
  /** Form parameters. */
  body: URLSearchParams;
}

/** What a {@link ClientAuthentication} may need to know about a request. */
export interface ClientAuthenticationContext {
  /** The option `issuer`, if there is one. */
  issuer?: string;
  /** The URL of the introspection endpoint. */
  endpoint: string;
  /** `true` if the server has just rejected the credentials for this token: return newer ones if there are any. */
  afterRejection: boolean;
}

const fixedAuthorizations = new WeakMap<ClientAuthentication, string>();

/** Returns an authentication that sends the same `Authorization` field with every request. */
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

/** Returns the `Authorization` field of a {@link fixedAuthentication}, so that a request needs no promise for it. */
export function fixedAuthorization(authentication: ClientAuthentication): string | undefined {
  return fixedAuthorizations.get(authentication);
}

/** Returns why a client id is invalid, or `undefined` if it is valid. */
export function clientIdProblem(value: unknown): string | undefined {
  if (typeof value === 'string' && value !== '') return encodingProblem(value);
  return 'must be a string that is not empty: copy it from the authorization server';
}

/** Returns why a client secret is invalid, or `undefined` if it is valid. */
export function secretProblem(value: unknown): string | undefined {
  return typeof value === 'string' ? encodingProblem(value) : 'must be a string, or a function that returns one';
}

/** A lone surrogate cannot be encoded as UTF-8, so form encoding would silently send another secret. */
function encodingProblem(value: string): string | undefined {
  return value.isWellFormed() ? undefined : 'has a lone surrogate, which is not valid text: copy it again';
}

/** @throws TypeError that names the option, if there is a problem */
export function rejectSecret(name: string, problem: string | undefined): void {
  if (problem !== undefined) throw new TypeError(`"${name}" ${problem}`);
}
