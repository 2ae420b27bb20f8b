import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { RecordedRequest } from './recorded-request.js';

/** What the scripted server does with one request. */
export type ScriptedResponse = (response: ServerResponse, request: RecordedRequest) => void;

export interface ResponseParts {
  status?: number;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
}

/** Any response. */
export function respond({ status = 200, headers = {}, body = '' }: ResponseParts): ScriptedResponse {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

/** A JSON response. */
export function json(
  value: unknown,
  { status = 200, headers = {} }: Omit<ResponseParts, 'body'> = {},
): ScriptedResponse {
  return respond({ status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) });
}

/** An active token with these claims (RFC 7662 §2.2). */
export function active(claims: Readonly<Record<string, unknown>> = {}): ScriptedResponse {
  return json({ active: true, ...claims });
}

/** An inactive token. */
export function inactive(): ScriptedResponse {
  return json({ active: false });
}

/** A redirect to `location`. */
export function redirect(location: string, status = 307): ScriptedResponse {
  return respond({ status, headers: { location } });
}

/** Takes the request, and never answers. */
export function hangBeforeHeaders(): ScriptedResponse {
  return () => {};
}

/** Sends the head and the beginning of an active answer, then nothing more. */
export function hangInBody({ status = 200, headers = {} }: Omit<ResponseParts, 'body'> = {}): ScriptedResponse {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.write('{"active":');
  };
}

/** Sends an answer in pieces of one byte, so slowly that only a limit on the whole ends it. */
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

/** Resets the connection before any answer. */
export function reset(): ScriptedResponse {
  return (response) => {
    response.socket?.resetAndDestroy();
  };
}

/** Sends the first `bytes` of a body, and closes the connection in the middle of it. */
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

/** An active answer of about `bytes` bytes. */
export function large(bytes = 10_485_760): ScriptedResponse {
  return json({ active: true, pad: 'a'.repeat(bytes) });
}

/** The same, in about a thousandth of it on the wire. */
export function gzipBomb(bytes = 10_485_760): ScriptedResponse {
  return gzipped({ body: JSON.stringify({ active: true, pad: 'a'.repeat(bytes) }) });
}

/** A response in gzip. */
export function gzipped({ status = 200, headers = {}, body = '' }: ResponseParts): ScriptedResponse {
  return respond({
    status,
    headers: { 'content-type': 'application/json', ...headers, 'content-encoding': 'gzip' },
    body: gzipSync(body),
  });
}
