import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request as it reached the scripted server. */
export interface RecordedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  /** The field lines in their order, names in lower case, repeated ones repeated. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The values of one field, in their order. */
  field(name: string): readonly string[];
  readonly body: string;
  readonly form: URLSearchParams;
  /** Resolves when it is over: answered whole, or its connection gone from whichever side. */
  readonly over: Promise<void>;
}

/** Reads a whole request, body included. */
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
