/**
 * One HTTP request, complete. A transport may add header fields that do not change the response, such as
 * `accept-encoding`.
 */
export interface TransportRequest {
  /** The absolute URL. */
  url: string;
  /** The HTTP method. */
  method: 'GET' | 'POST';
  /** The header fields, with names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** The body of a POST: a form, already encoded. */
  body?: string;
  /** Aborted at the client's time limit, or when the caller has gone. A transport sets no time limit of its own. */
  signal: AbortSignal;
  /** The largest permitted body of a 200, in bytes, counted after decompression. */
  maxResponseBytes: number;
}

/** The response to a {@link TransportRequest}. */
export interface TransportResponse {
  /** The HTTP status, a whole number. */
  status: number;
  /**
   * Returns a header field, or `null` if there is none. The client calls it with `content-type` and `retry-after`, once
   * for each response.
   */
  header(name: string): string | null;
  /**
   * The body, decoded as UTF-8. The client reads it for the statuses 200, 400 and 403. For 400 and 403 it may be empty
   * if it could not be read; for all others it may always be empty.
   */
  body: string;
}

/**
 * Sends one request and reads its whole response.
 *
 * A transport follows no redirect and does not retry. It returns every status as it is, without an error.
 *
 * @throws InvalidResponseError if the body of a 200 is larger than `maxResponseBytes` or is not UTF-8
 * @throws any other error if the server sent no response: the client reports it as `UnavailableError`
 */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;
