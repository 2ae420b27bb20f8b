import { isAuthorizationError, isIntrospectionError } from '@acme/introspect-core';

/**
 * The error classes of the TypeScript SDK, version 1: all exports of `@modelcontextprotocol/sdk/server/auth/errors.js`. Its
 * gate recognises an error by its class.
 */
export interface SdkErrorClasses {
  /** The gate responds 401 and challenges. */
  readonly InvalidTokenError: SdkErrorClass;
  /** The gate responds 403 and challenges. */
  readonly InsufficientScopeError: SdkErrorClass;
  /** The gate responds 400. */
  readonly InvalidRequestError: SdkErrorClass;
  /** The gate responds 400. */
  readonly AccessDeniedError: SdkErrorClass;
  /** The gate responds 500. */
  readonly ServerError: SdkErrorClass;
}

type SdkErrorClass = new (message: string) => Error;

type SdkErrorCode = 'invalid_token' | 'insufficient_scope' | 'invalid_request' | 'access_denied' | 'server_error';

const classNames = {
  invalid_token: 'InvalidTokenError',
  insufficient_scope: 'InsufficientScopeError',
  invalid_request: 'InvalidRequestError',
  access_denied: 'AccessDeniedError',
  server_error: 'ServerError',
} as const satisfies Record<SdkErrorCode, keyof SdkErrorClasses>;

/** The names of all classes that {@link SdkErrorClasses} must have. */
export const sdkErrorClassNames: readonly string[] = Object.values(classNames);

/**
 * Returns the error that the gate of the SDK understands, with the original one as its `cause`.
 *
 * A failure that is not the token's fault becomes `server_error`, also an error of the app's own code: `mcp-handler` would
 * respond 401 to an unknown error.
 *
 * @param classes those of version 1; without them, the error is one for version 2
 */
export function sdkErrorOf(error: unknown, classes?: SdkErrorClasses): Error {
  const [code, message] = codeAndMessage(error);
  const sdkError =
    classes === undefined ? new SdkErrorOfVersion2(code, message) : new classes[classNames[code]](message);
  sdkError.cause = error;
  return sdkError;
}

function codeAndMessage(error: unknown): [code: SdkErrorCode, message: string] {
  if (isIntrospectionError(error)) return ['server_error', 'The authorization server is temporarily unavailable'];
  if (!isAuthorizationError(error)) return ['server_error', 'Internal Server Error'];
  switch (error.code) {
    case 'missing_token':
    case 'insufficient_user_authentication': // the gate has no challenge for it, but a new login is right
      return ['invalid_token', error.message];
    default:
      return [error.code, error.message];
  }
}

/**
 * An `OAuthError` of version 2, without its package. `instanceof OAuthError` is true for it: the SDK looks for the brand,
 * because its packages have a copy of the class each.
 */
class SdkErrorOfVersion2 extends Error {
  override readonly name = 'OAuthError';
  readonly code: SdkErrorCode;

  constructor(code: SdkErrorCode, message: string) {
    super(message);
    this.code = code;
    Object.defineProperty(this, Symbol.for('mcp.sdk.errorBrands'), { value: new Set(['mcp.OAuthError']) });
  }

  /** Returns the body of the response. The gate calls it. */
  toResponseObject(): { error: string; error_description: string } {
    return { error: this.code, error_description: this.message };
  }
}
