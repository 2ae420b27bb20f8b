import { type NodeRequest, type NodeResponse, nodeRequestContext } from '@acme/introspect-core/adapter';
import type { AuthInfo } from './auth-info.js';
import { gateCore, type McpGate } from './gate.js';
import { messagesIn, type ReadBody, readMessages } from './messages.js';

/** The part of a Node or Express request that {@link toNodeHandler} and the SDK use. */
export interface McpNodeRequest extends NodeRequest, AsyncIterable<Uint8Array | string> {
  /** The header fields, by name in lower case. */
  readonly headers: Record<string, string | string[] | undefined>;
  /** The parsed body, if a body parser such as `express.json()` has run. */
  body?: unknown;
}

/** A request that the gate has accepted. */
export interface McpAuthorizedRequest extends McpNodeRequest {
  /** What the SDK reads. Absent if an optional policy accepted the request without a token. */
  auth?: AuthInfo;
}

/** The part of a Node or Express response that {@link toNodeHandler} and the SDK use. */
export interface McpNodeResponse extends NodeResponse {
  /** Whether the header fields have been sent. */
  readonly headersSent: boolean;
  /** The status to send. */
  statusCode: number;
  /** Sets a header field, in place of one with the same name. */
  setHeader(name: string, value: string): unknown;
  /** Sends the status and the header fields. */
  writeHead(status: number, headers?: Record<string, string>): unknown;
  /** Sends a part of the body. */
  write(chunk: string | Uint8Array): unknown;
  /** Sends the rest of the body, and ends the response. */
  end(chunk?: string | Uint8Array): unknown;
  /** Calls the listener at each event of this name. */
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/**
 * The handler of accepted requests, with the types of Node, Express or the SDK. `parsedBody` is present if a body parser, or
 * the gate, has read the body.
 */
export type McpNodeListener<
  Req extends Pick<McpNodeRequest, 'headers'> = McpAuthorizedRequest,
  Res extends Pick<McpNodeResponse, 'writeHead'> = McpNodeResponse,
> = (request: Req, response: Res, parsedBody?: unknown) => unknown;

/**
 * Returns a handler for `node:http` and Express that sends each request through a gate, and then to your handler. Your
 * handler gets `request.auth`, and the parsed body as its third argument. Pass both on to the SDK, which cannot read the
 * body again.
 *
 * In Express, it also works as middleware, without a handler: `app.use(toNodeHandler(gate))`. It then sets `request.auth`,
 * and `request.body` if it has read the body.
 *
 * An error of your own code goes to `next`. Without `next`, it is printed, and the response is 500.
 *
 * @example
 * ```ts
 * createServer(toNodeHandler(gate, mcpHandler)).listen(3000);
 * ```
 */
export function toNodeHandler<
  Req extends Pick<McpNodeRequest, 'headers'> = McpAuthorizedRequest,
  Res extends Pick<McpNodeResponse, 'writeHead'> = McpNodeResponse,
>(
  gate: McpGate<undefined>,
  handler?: McpNodeListener<Req, Res>,
): (request: McpNodeRequest, response: McpNodeResponse, next?: (error?: unknown) => void) => Promise<void> {
  const { decide, maxBodyBytes } = gate[gateCore];
  return async (request, response, next) => {
    const context = nodeRequestContext<unknown>(request, response, request);
    try {
      const outcome = await decide(context, () => readBody(request, maxBodyBytes));
      if (outcome instanceof Response) return await send(outcome, response);
      if (outcome === undefined) Reflect.deleteProperty(request, 'auth');
      else Object.assign(request, { auth: outcome });
      if (handler !== undefined) await (handler as object as McpNodeListener)(request, response, request.body);
      else if (next !== undefined) next();
      else throw new TypeError('toNodeHandler: nothing handles the request; pass a handler as the second argument');
    } catch (error) {
      if (context.signal?.aborted) return; // the caller has gone
      if (next !== undefined) return next(asError(error));
      console.error(error);
      if (response.headersSent) response.end();
      else await send(Response.json({ error: 'server_error' }, { status: 500 }), response);
    }
  };
}

/** Returns an `Error` in place of a thrown primitive: Express takes `undefined` for success, and `route` for a command. */
function asError(thrown: unknown): object {
  if (typeof thrown === 'object' && thrown !== null) return thrown;
  return new Error(`A function of the app threw ${String(thrown)} instead of an error`);
}

/** Returns the body that a parser has read, or reads it and leaves it in `request.body`. */
async function readBody(request: McpNodeRequest, maxBytes: number): Promise<ReadBody> {
  if (request.body !== undefined) return messagesIn(request.body);
  const body = await readMessages(request, maxBytes);
  if (body.problem === undefined) request.body = body.value;
  return body;
}

async function send(from: Response, response: McpNodeResponse): Promise<void> {
  const body = await from.text();
  response.statusCode = from.status;
  for (const [name, value] of from.headers) response.setHeader(name, value);
  if (from.status === 413) response.setHeader('Connection', 'close'); // the rest of the body is not read
  response.end(body);
}
