import type { Finding } from './finding.js';
import { type Body, failing, type Pattern, type Row, redirected, rows, unexpected } from './outcome-table.js';

/** The parts of a response that a diagnosis uses. */
export interface ResponseFacts {
  readonly status: number;
  /** In lower case, without parameters. Empty if there is none. */
  readonly mediaType: string;
  /** The body, if it is a JSON object and its media type is JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfter: string | null;
}

export type AuthenticationMethod = 'client_secret_basic' | 'private_key_jwt';

/** Returns the finding for a response to an invented token, or undefined if it is correct: 200 and inactive. */
export function diagnose(response: ResponseFacts, method: AuthenticationMethod): Finding | undefined {
  const { status, json } = response;
  if (status === 200 && json?.active === false) return undefined;
  const row = rows.find(({ pattern }) => matches(response, pattern)) ?? fallback(status);
  const [cause, fix] = (method === 'private_key_jwt' && row.byKey) || [row.cause, row.fix];
  return { code: row.code, severity: row.severity ?? 'error', seen: seen(response, row), cause, fix };
}

function fallback(status: number): Omit<Row, 'pattern'> {
  if (status >= 300 && status < 400) return redirected;
  return status >= 500 ? failing : unexpected;
}

function matches(response: ResponseFacts, { status, body, error, description, active, retryAfter }: Pattern): boolean {
  const { json } = response;
  return (
    (status === undefined || response.status === status) &&
    (body === undefined || bodyOf(response) === body) &&
    (error === undefined || json?.error === error) &&
    (description === undefined || json?.error_description === description) &&
    (active === undefined || json?.active === active) &&
    (retryAfter === undefined || (response.retryAfter !== null) === retryAfter)
  );
}

function bodyOf({ json, mediaType }: ResponseFacts): Body {
  if (json !== undefined) return 'json';
  if (mediaType === 'text/html' || mediaType === 'application/xhtml+xml') return 'html';
  return mediaType === 'text/plain' ? 'text' : 'other';
}

const bodyNames: Readonly<Record<Body, string>> = {
  json: 'JSON',
  html: 'a page of HTML',
  text: 'plain text',
  other: 'a body of another type, or none',
};

/** Describes a response. Repeats words of the server only if they are in the table. */
function seen(response: ResponseFacts, row: Omit<Row, 'pattern'> & { pattern?: Pattern }): string {
  const { error, description } = row.pattern ?? {};
  const words = [
    error ?? `and ${bodyNames[bodyOf(response)]}`,
    ...(description === undefined ? [] : [`"${description}"`]),
  ];
  const wait = /^\d{1,6}$/.test(response.retryAfter ?? '') ? `, retry after ${response.retryAfter} s` : '';
  return `The server responded with ${response.status} ${words.join(', ')}${wait}`;
}
