import { isIntrospectionError, UnavailableError } from './errors.js';

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
  header(name: string): string | null;
  /** Decoded as UTF-8. May be empty for any status but 200 when it could not be read within the bound. */
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
 * Sends by a transport; what it throws becomes an {@link UnavailableError}.
 *
 * The fault itself is not kept as `cause`: those of HTTP libraries hold the request with its credentials and token.
 */
export async function send(transport: Transport, request: TransportRequest): Promise<TransportResponse> {
  try {
    return await transport(request);
  } catch (fault) {
    if (isIntrospectionError(fault)) throw fault;
    throw new UnavailableError(
      `${new URL(request.url).origin} could not be reached${faultCode(fault)}: is the server up, and its address right?`,
    );
  }
}

/** The short code in a fault or in what caused it, such as ` (ECONNREFUSED)`: the one part that is safe to show. */
export function faultCode(fault: unknown): string {
  for (let depth = 0; depth < 5 && typeof fault === 'object' && fault !== null; depth++) {
    const { code, cause } = fault as { code?: unknown; cause?: unknown };
    if (typeof code === 'string' && /^[A-Za-z][A-Za-z0-9_]{2,39}$/.test(code)) return ` (${code})`;
    fault = cause;
  }
  return '';
}
