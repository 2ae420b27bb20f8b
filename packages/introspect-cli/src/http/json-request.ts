import { isLoopback, readBoundedText } from '@acme/introspect-core';
import { exitCodes, Failure, usage } from '../failure.js';
import { jsonObject } from './json-object.js';
import { isTlsFault, networkError } from './network-error.js';

export interface JsonRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}

export interface JsonResponse {
  readonly status: number;
  /** `undefined` if the body is not a JSON object. */
  readonly value: Readonly<Record<string, unknown>> | undefined;
}

const timeoutMs = 15_000;
const maxBytes = 1_048_576;

/**
 * Sends one request and reads the response, of at most 1 MiB within 15 s. Follows no redirect: a redirect could lead the
 * secrets in the request to another server.
 *
 * @throws Failure if the response is missing, incomplete or too large
 */
export async function requestJson({ url, method, headers = {}, body }: JsonRequest): Promise<JsonResponse> {
  const { origin } = new URL(url);
  const { status, text, problem } = await reached(origin, async () => {
    const response = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...headers },
      ...(body !== undefined && { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, ...(await readBoundedText(response.body, maxBytes)) };
  });
  if (problem?.startsWith('larger')) {
    throw new Failure(exitCodes.failed, 'unavailable', `${origin} responded with more than 1 MiB`);
  }
  return { status, value: jsonObject(text) };
}

async function reached<Result>(origin: string, send: () => Promise<Result>): Promise<Result> {
  try {
    return await send();
  } catch (error) {
    const reason = networkError(error) ?? `no response within ${timeoutMs / 1000} s`;
    const advice = isTlsFault(reason)
      ? `Run this to find the cause: introspect doctor --issuer ${origin} --auth none`
      : undefined;
    throw new Failure(exitCodes.failed, 'unavailable', `${origin} cannot be reached: ${reason}`, advice);
  }
}

/**
 * Checks a URL to which secrets are sent: it must be `https`, or `http` on this machine.
 *
 * @throws Failure otherwise
 */
export function checkSecure(url: string, what: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) return;
  throw usage(`${what} must be https, except on this machine: secrets are sent there`);
}
