import { boundedText } from '../../http/bounded-text.js';
import { networkFault } from '../../http/network-error.js';
import type { Finding } from './finding.js';
import type { Answer } from './outcome.js';

/** As much of a body as the SDK reads. */
const maxBytes = 262_144;
const formType = 'application/x-www-form-urlencoded';

/** An answer as it came, whatever it is. */
export interface RawAnswer extends Answer {
  /** The origin that a redirect leads to. */
  readonly leadsTo: string | undefined;
  readonly date: string | null;
  readonly age: string | null;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
  readonly tookMs: number;
}

/** No answer, or none that ended. */
export interface NoAnswer {
  /** `undefined`: it was not in time. */
  readonly brokenBy: string | undefined;
}

export interface RawRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent by POST; without it the request is a GET. */
  readonly form?: URLSearchParams;
  readonly timeoutMs: number;
}

/** Sends one request and reads its answer without judging it: no redirect is followed, and nothing is tried again. */
export async function ask({ url, headers, form, timeoutMs }: RawRequest): Promise<RawAnswer | NoAnswer> {
  const init: RequestInit = {
    headers: { ...headers, accept: 'application/json', ...(form !== undefined && { 'content-type': formType }) },
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
    ...(form !== undefined && { method: 'POST', body: form.toString() }),
  };
  const [sentAt, began] = [Date.now(), performance.now()];
  try {
    const response = await fetch(url, init);
    const headMs = performance.now() - began;
    const mediaType = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    const body = (await boundedText(response, maxBytes)) ?? '';
    return {
      status: response.status,
      mediaType,
      json: mediaType === 'application/json' ? jsonObject(body) : undefined,
      retryAfter: response.headers.get('retry-after'),
      leadsTo: originOf(response.headers.get('location'), url),
      date: response.headers.get('date'),
      age: response.headers.get('age'),
      sentAt,
      tookMs: headMs,
    };
  } catch (error) {
    return { brokenBy: networkFault(error) };
  }
}

/** What it means that a request got no answer. */
export function unanswered({ brokenBy }: NoAnswer, timeoutMs: number): Finding {
  if (brokenBy === undefined) {
    return {
      code: 'no_answer_in_time',
      severity: 'fault',
      seen: `No answer came within ${timeoutMs} ms`,
      cause:
        'The server takes the connection and does not answer: it is overloaded, or something in between holds the request.',
      fix: 'Look at the load of the server and at what stands between; --timeout-ms waits longer, as timeoutMs does in the SDK.',
    };
  }
  return {
    code: 'connection_lost',
    severity: 'fault',
    seen: `The connection ended before the answer (${brokenBy})`,
    cause: 'The server, or a proxy or firewall before it, takes the connection and breaks it off.',
    fix: 'Look into the log of the server and of what stands before it.',
  };
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function originOf(location: string | null, base: string): string | undefined {
  return location !== null && URL.canParse(location, base) ? new URL(location, base).origin : undefined;
}
