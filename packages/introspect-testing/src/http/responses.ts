import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { RecordedRequest } from './recorded-request.js';

/** What the scripted server does with one request. */
export type ScriptedResponse = (response: ServerResponse, request: RecordedRequest) => void;

/** The parts of a response that have a default. */
export interface ResponseParts {
  /**
   * The HTTP status.
   *
   * @default 200
   */
  status?: number;
  /**
   * The header fields.
   *
   * @default {}
   */
  headers?: Readonly<Record<string, string>>;
  /**
   * The body.
   *
   * @default ''
   */
  body?: string | Uint8Array;
}

/** Responds with this status, these header fields and this body. */
export function respond({ status = 200, headers = {}, body = '' }: ResponseParts): ScriptedResponse {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

/** Responds with JSON. */
export function json(
  value: unknown,
  { status = 200, headers = {} }: Omit<ResponseParts, 'body'> = {},
): ScriptedResponse {
  return respond({ status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) });
}

/** Responds that the token is active, with these claims (RFC 7662 §2.2). */
export function active(claims: Readonly<Record<string, unknown>> = {}): ScriptedResponse {
  return json({ active: true, ...claims });
}

/** Responds that the token is inactive (RFC 7662 §2.2). */
export function inactive(): ScriptedResponse {
  return json({ active: false });
}

/** Redirects to `location`, with 307 by default. */
export function redirect(location: string, status = 307): ScriptedResponse {
  return respond({ status, headers: { location } });
}

/** Reads the request, and never responds. */
export function hangBeforeHeaders(): ScriptedResponse {
  return () => {};
}

/** Sends the head and the beginning of an active response, then nothing more. */
export function hangInBody({ status = 200, headers = {} }: Omit<ResponseParts, 'body'> = {}): ScriptedResponse {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.write('{"active":');
  };
}

/** Sends a body of JSON one byte at a time. Only a time limit for the whole response can end it early. */
export function drip(body: string, { everyMs }: { everyMs: number }): ScriptedResponse {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const bytes = Buffer.from(body);
    let sent = 0;
    const timer = setInterval(() => {
      if (sent < bytes.length) response.write(bytes.subarray(sent, ++sent));
      else response.end();
    }, everyMs);
    response.once('close', () => clearInterval(timer));
  };
}

/** Resets the connection, without a response. */
export function reset(): ScriptedResponse {
  return (response) => {
    response.socket?.resetAndDestroy();
  };
}

/** Sends the first `bytes` of a body, then closes the connection. */
export function truncated(
  body: string,
  bytes: number,
  { status = 200, headers = {} }: Omit<ResponseParts, 'body'> = {},
): ScriptedResponse {
  return (response) => {
    const head = { 'content-type': 'application/json', ...headers, 'content-length': Buffer.byteLength(body) };
    response.writeHead(status, head);
    response.write(Buffer.from(body).subarray(0, bytes), () => response.socket?.destroy());
  };
}

/** Responds that the token is active, in about `bytes` bytes. Default 10 MiB. */
export function large(bytes = 10_485_760): ScriptedResponse {
  return json({ active: true, pad: 'a'.repeat(bytes) });
}

/** Responds like `large`, but in gzip: the client receives about a thousandth of `bytes`. */
export function gzipBomb(bytes = 10_485_760): ScriptedResponse {
  return gzipped({ body: JSON.stringify({ active: true, pad: 'a'.repeat(bytes) }) });
}

/** Responds with a body in gzip, and with its compressed length as `Content-Length`. */
export function gzipped({ status = 200, headers = {}, body = '' }: ResponseParts): ScriptedResponse {
  const bytes = gzipSync(body);
  const ofBody = { 'content-encoding': 'gzip', 'content-length': `${bytes.length}` };
  return respond({ status, headers: { 'content-type': 'application/json', ...headers, ...ofBody }, body: bytes });
}
