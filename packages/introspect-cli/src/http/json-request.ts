import { exitCodes, Failure, usage } from '../failure.js';
import { boundedText } from './bounded-text.js';
import { networkFault } from './network-error.js';

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
  const { status, text } = await answered(origin, async () => {
    const response = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...headers },
      ...(body !== undefined && { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, text: await boundedText(response, maxBytes) };
  });
  if (text === undefined) throw new Failure(exitCodes.failed, 'unavailable', `${origin} answered with more than 1 MiB`);
  return { status, value: objectOf(text) };
}

async function answered<Answer>(origin: string, send: () => Promise<Answer>): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    const reason = networkFault(error) ?? `no answer within ${timeoutMs / 1000} s`;
    throw new Failure(exitCodes.failed, 'unavailable', `${origin} cannot be reached: ${reason}`);
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

function objectOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
