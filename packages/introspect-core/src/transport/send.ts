import { InvalidResponseError, isIntrospectionError, UnavailableError } from '../errors/errors.js';
import { withTraits } from '../errors/failure-traits.js';
import type { Transport, TransportRequest, TransportResponse } from './transport.js';

/**
 * Sends a request with a transport, and returns a checked copy of the response.
 *
 * An error that the transport throws never becomes the `cause` of ours: errors of HTTP libraries hold the request with its
 * credentials and token.
 *
 * @throws UnavailableError if the transport throws, or its error if that is an IntrospectionError
 * @throws InvalidResponseError if the transport returns an invalid or too large response
 */
export async function send(transport: Transport, request: TransportRequest): Promise<TransportResponse> {
  let returned: unknown;
  try {
    returned = await transport(request);
  } catch (fault) {
    if (isIntrospectionError(fault)) throw fault;
    const error = new UnavailableError(
      `${originOf(request)} could not be reached${faultCode(fault)}: is the server up, and its address right?`,
    );
    throw withTraits(error, { isTransient: true });
  }
  const response = checkedCopy(returned);
  if (response === undefined) {
    throw new InvalidResponseError(
      `The "transport" returned no status, header and body for ${originOf(request)}: see the type Transport`,
    );
  }
  if (response.status === 200 && response.body.length > request.maxResponseBytes) {
    throw new InvalidResponseError(`The "transport" returned more than "maxResponseBytes" from ${originOf(request)}`);
  }
  return response;
}

/**
 * Returns a copy of the parts of a response that the client uses: a getter of the response may throw, so it must not run
 * later. Returns `undefined` if the response is invalid or a getter throws now.
 */
function checkedCopy(returned: unknown): TransportResponse | undefined {
  try {
    const response = Object(returned) as TransportResponse;
    const { status, body } = response;
    const fields: Record<string, unknown> = {};
    for (const name of usedFields) fields[name] = response.header(name);
    const header = (name: string) => (typeof fields[name] === 'string' ? fields[name] : null);
    return Number.isInteger(status) && typeof body === 'string' ? { status, header, body } : undefined;
  } catch {
    return undefined;
  }
}

/** All response header fields that the client reads. */
const usedFields = ['content-type', 'retry-after'] as const;

function originOf({ url }: TransportRequest): string {
  return new URL(url).origin;
}

/** Error codes of operating systems, TLS libraries and HTTP libraries. */
const knownCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EPROTO'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EMFILE', 'EACCES', 'EPERM'],
  ...['UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
  ...['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'],
  ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ...['ERR_SSL_WRONG_VERSION_NUMBER', 'Z_DATA_ERROR', 'ConnectionRefused', 'ConnectionClosed', 'FailedToOpenSocket'],
]);

/** Returns the code of an error or of its cause, such as ` (ECONNREFUSED)`. Only known codes: other text may be a secret. */
function faultCode(fault: unknown): string {
  try {
    for (let depth = 0; depth < 5 && typeof fault === 'object' && fault !== null; depth++) {
      const { code, cause } = fault as { code?: unknown; cause?: unknown };
      if (typeof code === 'string' && knownCodes.has(code)) return ` (${code})`;
      fault = cause;
    }
  } catch {
    // a getter threw
  }
  return '';
}
