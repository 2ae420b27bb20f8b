import type { Denial } from '@acme/introspect-core';

/** The part of a Node response (HTTP/1 or HTTP/2) that writes a denial. */
export interface DenialResponse {
  /** The status code to send. */
  statusCode: number;
  /** Sets a header field, in place of one with the same name. */
  setHeader(name: string, value: string): unknown;
  /** Sends the body, and ends the response. */
  end(body: string): unknown;
}

/** Sends the response for a denied request, and ends it. For `node:http`, Express and Connect. */
export function sendDenial(response: DenialResponse, { status, headers, body }: Denial): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  for (const [name, value] of headers) response.setHeader(name, value);
  response.end(body);
}
