import { exitCodes, Failure, usage } from './failure.js';

export interface JsonRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}

export interface JsonResponse {
  readonly status: number;
  /** `undefined` when the body is not a JSON object. */
  readonly value: Readonly<Record<string, unknown>> | undefined;
}

const timeoutMs = 15_000;
const maxBytes = 1_048_576;

/**
 * Sends one request and reads its answer, of at most 1 MiB within 15 s. Follows no redirect: it would take what is secret
 * in the request elsewhere.
 *
 * @throws Failure when there is no answer, or one that is no answer of an API
 */
export async function requestJson({ url, method, headers = {}, body }: JsonRequest): Promise<JsonResponse> {
  const { origin } = new URL(url);
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...headers },
      ...(body !== undefined && { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, value: objectOf(await bounded(response)) };
  } catch (error) {
    throw new Failure(exitCodes.failed, 'unavailable', `${origin} cannot be reached: ${reasonOf(error)}`);
  }
}

/**
 * A URL to which something secret is sent: `https`, or `http` on this machine.
 *
 * @throws Failure otherwise
 */
export function checkSecure(url: string, what: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:') return;
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  if (protocol === 'http:' && isLoopback) return;
  throw usage(`${what} must be https, except on this machine: what is sent there is secret`);
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new Error('the answer is larger than 1 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function objectOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Node's code for it, or what happened in its own words; never the request. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'for a reason unknown';
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const { code } = Object(error.cause) as { code?: unknown };
  return typeof code === 'string' ? code : error.message;
}
