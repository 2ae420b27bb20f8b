import { BoundedBytes, decodedText } from '../../runtime/bounded-text.js';

/** One JSON-RPC message from a client: a request, a notification, or the response to a request of the server. */
export interface McpMessage {
  /** Such as `tools/call`. Absent in a response to the server. */
  readonly method?: string;
  /** Such as the tool's `name` and `arguments`. The server has not checked them. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** The id of a request. Absent in a notification. */
  readonly id?: unknown;
}

/** A body that the server must not get, as the JSON-RPC error to send. */
export interface BodyProblem {
  readonly status: 400 | 413;
  readonly code: number;
  readonly message: string;
}

/** The parsed body and its messages, or why it is rejected. */
export type ReadBody =
  | { readonly value: unknown; readonly messages: readonly McpMessage[]; readonly problem?: undefined }
  | { readonly problem: BodyProblem; readonly messages?: undefined };

/** A longer batch could cost the gate much more than its sender. Since revision 2025-06-18 of MCP, there are no batches. */
const maxBatch = 100;

const rejected = (status: 400 | 413, code: number, message: string): ReadBody => ({
  problem: { status, code, message },
});

/** Reads the messages of a body as JSON in UTF-8. Stops after `maxBytes`. */
export async function readMessages(chunks: AsyncIterable<Uint8Array | string>, maxBytes: number): Promise<ReadBody> {
  const body = new BoundedBytes(maxBytes);
  for await (const chunk of chunks) {
    if (body.add(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk)) continue;
    return rejected(413, -32_000, `Payload Too Large: the body must not exceed ${maxBytes} bytes`);
  }
  const { text, problem } = decodedText(body.joined());
  try {
    if (problem === undefined) return messagesIn(JSON.parse(text));
  } catch {} // not JSON
  return rejected(400, -32_700, 'Parse error: the body must be JSON in UTF-8');
}

/** Returns the messages of a parsed body: one message, or a batch. A body with anything else is rejected as a whole. */
export function messagesIn(value: unknown): ReadBody {
  const messages: unknown[] = Array.isArray(value) ? value : [value];
  if (messages.length > maxBatch) {
    return rejected(400, -32_600, `Invalid Request: a batch must not have more than ${maxBatch} messages`);
  }
  if (messages.length > 0 && messages.every(isMessage)) return { value, messages };
  return rejected(400, -32_600, 'Invalid Request: the body must be a JSON-RPC message, or a batch of them');
}

/** Returns whether a value is what a policy function may rely on: `method` is a string, and `params` an object. */
function isMessage(value: unknown): value is McpMessage {
  if (!isObject(value)) return false;
  if (Object.hasOwn(value, 'params') && !isObject(Reflect.get(value, 'params'))) return false;
  if (Object.hasOwn(value, 'method')) return typeof Reflect.get(value, 'method') === 'string';
  return Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the JSON-RPC error response for a rejected body (JSON-RPC 2.0 §5.1). */
export function problemResponse({ status, code, message }: BodyProblem): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}
