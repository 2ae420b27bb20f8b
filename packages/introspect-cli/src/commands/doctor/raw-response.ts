import { readBoundedText } from '@acme/introspect-core';
import { jsonObject } from '../../http/json-object.js';
import { networkError } from '../../http/network-error.js';
import type { Finding } from './finding.js';
import type { ResponseFacts } from './outcome.js';

/** The limit of the SDK for a response body. */
const maxBytes = 262_144;
const formType = 'application/x-www-form-urlencoded';

/** A response with any status and any body, not yet judged. */
export interface RawResponse extends ResponseFacts {
  readonly url: string;
  /** The origin to which a redirect leads. */
  readonly leadsTo: string | undefined;
  readonly date: string | null;
  readonly age: string | null;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  /** Milliseconds until the header fields were received. */
  readonly tookMs: number;
}

/** A request without a complete response. */
export interface NoResponse {
  readonly url: string;
  readonly status?: undefined;
  /** The code of the error, or undefined after a timeout. */
  readonly brokenBy: string | undefined;
}

export interface RawRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent by POST. Without a form, the request is a GET. */
  readonly form?: URLSearchParams;
  readonly timeoutMs: number;
}

/** Sends one request and reads the response, whatever it is. Follows no redirect and does not retry. */
export async function sendRaw({ url, headers, form, timeoutMs }: RawRequest): Promise<RawResponse | NoResponse> {
  const init: RequestInit = {
    headers: { ...headers, accept: 'application/json', ...(form !== undefined && { 'content-type': formType }) },
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
    ...(form !== undefined && { method: 'POST', body: form.toString() }),
  };
  const [sentAt, startedAt] = [Date.now(), performance.now()];
  try {
    const response = await fetch(url, init);
    const tookMs = performance.now() - startedAt;
    const mediaType = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    const { text } = await readBoundedText(response.body, maxBytes);
    return {
      url,
      status: response.status,
      mediaType,
      json: mediaType === 'application/json' ? jsonObject(text) : undefined,
      retryAfter: response.headers.get('retry-after'),
      isUnknownInstance: text.startsWith('unable to set instance'),
      leadsTo: originOf(response.headers.get('location'), url),
      date: response.headers.get('date'),
      age: response.headers.get('age'),
      sentAt,
      tookMs,
    };
  } catch (error) {
    return { url, brokenBy: networkError(error) };
  }
}

/** Returns the finding for a request without a complete response. */
export function noResponseFinding({ brokenBy }: Pick<NoResponse, 'brokenBy'>, timeoutMs: number): Finding {
  if (brokenBy === undefined) {
    return {
      code: 'no_response_in_time',
      severity: 'error',
      seen: `No response within ${timeoutMs} ms`,
      cause: 'The server accepts the connection and does not respond: it is overloaded, or a proxy holds the request.',
      fix: 'Check the load of the server and the proxies before it. --timeout-ms waits longer, like timeoutMs in the SDK.',
    };
  }
  return {
    code: 'connection_lost',
    severity: 'error',
    seen: `The connection ended before the response (${brokenBy})`,
    cause: 'The server, or a proxy or firewall before it, accepts the connection and then closes it.',
    fix: 'Check the log of the server and of the proxies before it.',
  };
}

function originOf(location: string | null, base: string): string | undefined {
  return location !== null && URL.canParse(location, base) ? new URL(location, base).origin : undefined;
}
