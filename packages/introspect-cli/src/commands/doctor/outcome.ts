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
  /** Whether the body is the text with which ZITADEL rejects a host that it does not know. */
  readonly isUnknownInstance?: boolean;
}

export type AuthenticationMethod = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'bearer' | 'none';

/**
 * Returns the finding for a response to an invented token, or undefined if it is correct: 200 and inactive.
 *
 * @param isZitadel whether the server is ZITADEL; causes that only ZITADEL has are not named for another server
 */
export function diagnose(response: ResponseFacts, method: AuthenticationMethod, isZitadel = true): Finding | undefined {
  const { status, json } = response;
  if (status === 200 && json?.active === false) return undefined;
  const row = rows.find(({ pattern }) => matches(response, pattern)) ?? fallback(status);
  const [cause, fix] = textsOf(row, method, isZitadel);
  return { code: row.code, severity: row.severity ?? 'error', seen: seen(response, row), cause, fix };
}

function textsOf(
  { cause, fix, byKey, elsewhere, isAboutCredentials }: Omit<Row, 'pattern'>,
  method: AuthenticationMethod,
  isZitadel: boolean,
): readonly [cause: string, fix: string] {
  if (isAboutCredentials && method === 'none') return noAuthentication;
  if (isAboutCredentials && method === 'bearer') return rejectedBearer;
  if (method === 'private_key_jwt' && byKey !== undefined && (isZitadel || elsewhere === undefined)) return byKey;
  return isZitadel || elsewhere === undefined ? [cause, fix] : elsewhere;
}

const noAuthentication = [
  'The server, or a proxy before it, requires credentials, and none were sent (--auth none).',
  'Set --auth to a method that this server supports for introspection.',
] as const;

const rejectedBearer = [
  'The server, or a proxy before it, does not accept the bearer token: it is wrong or expired, it may not introspect, or the server supports another method only.',
  'Check INTROSPECT_BEARER_TOKEN, and that the server authorizes introspection by a bearer token.',
] as const;

function fallback(status: number): Omit<Row, 'pattern'> {
  if (status >= 300 && status < 400) return redirected;
  return status >= 500 ? failing : unexpected;
}

function matches(
  response: ResponseFacts,
  { status, body, error, description, active, retryAfter, isUnknownInstance }: Pattern,
): boolean {
  const { json } = response;
  return (
    (status === undefined || response.status === status) &&
    (body === undefined || bodyOf(response) === body) &&
    (error === undefined || json?.error === error) &&
    (description === undefined || json?.error_description === description) &&
    (isUnknownInstance === undefined || response.isUnknownInstance === isUnknownInstance) &&
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
