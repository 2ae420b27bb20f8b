import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request as the server received it. */
export interface RecordedRequest {
  /** The HTTP method. */
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  /** All header field lines, in order. Names are in lower case. A field can have several lines. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Returns the values of one field, in order. */
  field(name: string): readonly string[];
  /** The body, decoded as UTF-8. */
  readonly body: string;
  /** The body, read as a form. */
  readonly form: URLSearchParams;
  /** Resolves when the response is complete, or when either side has closed the connection. */
  readonly over: Promise<void>;
}

/** Reads a request with its body. Rejects if the client closes the connection before the end. */
export async function recordRequest(message: IncomingMessage, response: ServerResponse): Promise<RecordedRequest> {
  const over = new Promise<void>((resolve) => response.once('close', resolve));
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const fields: [string, string][] = [];
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    fields.push([String(message.rawHeaders[i]).toLowerCase(), String(message.rawHeaders[i + 1])]);
  }
  return {
    method: message.method ?? '',
    url: message.url ?? '',
    fields,
    field: (name) => fields.filter(([each]) => each === name).map(([, value]) => value),
    body,
    form: new URLSearchParams(body),
    over,
  };
}
