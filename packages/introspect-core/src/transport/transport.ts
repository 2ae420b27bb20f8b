import { InvalidResponseError, isIntrospectionError, UnavailableError } from '../errors/errors.js';
import { withTraits } from '../errors/failure-traits.js';

/** One HTTP request, complete: a transport adds nothing that matters to the server. */
export interface TransportRequest {
  url: string;
  method: 'GET' | 'POST';
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body?: string;
  /** Covers connect, headers and body; a transport sets no time limit of its own. */
  signal: AbortSignal;
  /** Counted after decompression. */
  maxResponseBytes: number;
}

export interface TransportResponse {
  status: number;
  /** The client calls it once for `content-type` and once for `retry-after`, as soon as it has the response. */
  header(name: string): string | null;
  /** Decoded as UTF-8. Looked at for 200, 400 and 403 alone; for the latter two it may be empty when it was unreadable. */
  body: string;
}

/**
 * Sends one request and reads its whole response.
 *
 * A transport follows no redirect, does not retry, gives every status as it came, and throws an
 * `InvalidResponseError` when the body of a 200 is larger than `maxResponseBytes` or is not UTF-8.
 * Anything else that it throws counts as "server unreachable".
 */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

/**
 * Sends a request by a transport, and returns a checked copy of the response.
 *
 * An introspection error that the transport throws passes unchanged. Any other error becomes an {@link
 * UnavailableError}. A response that cannot be used is an {@link InvalidResponseError}.
 *
 * The fault itself is not kept as `cause`: those of HTTP libraries hold the request with its credentials and token.
 */
export async function send(transport: Transport, request: TransportRequest): Promise<TransportResponse> {
  let given: unknown;
  try {
    given = await transport(request);
  } catch (fault) {
    if (isIntrospectionError(fault)) throw fault;
    const error = new UnavailableError(
      `${originOf(request)} could not be reached${faultCode(fault)}: is the server up, and its address right?`,
    );
    throw withTraits(error, { isTransient: true });
  }
  const response = copied(given);
  if (response === undefined) {
    throw new InvalidResponseError(
      `The "transport" gave no status, header and body for ${originOf(request)}: see the type Transport`,
    );
  }
  if (response.status === 200 && response.body.length > request.maxResponseBytes) {
    throw new InvalidResponseError(`The "transport" gave more than "maxResponseBytes" from ${originOf(request)}`);
  }
  return response;
}

/**
 * Copies the used parts of a response, so that its code cannot run later. Returns `undefined` if it throws or is
 * invalid.
 */
function copied(given: unknown): TransportResponse | undefined {
  try {
    const response = Object(given) as TransportResponse;
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

/** What a system, a TLS library or an HTTP library calls its faults. */
const knownCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EPROTO'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EMFILE', 'EACCES', 'EPERM'],
  ...['UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
  ...['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'],
  ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ...['ERR_SSL_WRONG_VERSION_NUMBER', 'Z_DATA_ERROR', 'ConnectionRefused', 'ConnectionClosed', 'FailedToOpenSocket'],
]);

/** The code of a fault or of what caused it, such as ` (ECONNREFUSED)`. Only known ones: other text may be a secret. */
function faultCode(fault: unknown): string {
  try {
    for (let depth = 0; depth < 5 && typeof fault === 'object' && fault !== null; depth++) {
      const { code, cause } = fault as { code?: unknown; cause?: unknown };
      if (typeof code === 'string' && knownCodes.has(code)) return ` (${code})`;
      fault = cause;
    }
  } catch {
    // a getter that throws
  }
  return '';
}
