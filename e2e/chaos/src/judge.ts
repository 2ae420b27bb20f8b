import type { Span, Word } from './faulty-server.js';

/** What a request was sent with; `mortal` ones are revoked at some time. */
export type Kind = 'good' | 'alive' | 'revoked' | 'unseen' | 'garbage' | 'none';

/** An answer of the API. */
export interface Reply {
  readonly kind: Kind;
  readonly token: string | undefined;
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly status: number;
  readonly body: string;
}

/** What is known of the server, and how long the cache may use an answer again. */
export interface Evidence {
  words(token: string): readonly Word[];
  readonly unreachable: readonly Span[];
  readonly maxAgeMs: number;
  readonly maxAgeIfErrorMs: number;
}

/** The cache keeps an inactive answer as long as that, unless told otherwise. */
const inactiveMaxAgeMs = 3000;
/** By then an answer of the server has certainly arrived, and counts. */
const arrivesMs = 1000;

/**
 * What is wrong with a reply, or `undefined`. 503 never is, but for a request without a token: nobody needs to be asked.
 *
 * Whoever is let in, the server must have called active; whoever is refused, inactive: no longer ago than the cache may
 * remember it. The age of an answer is at least the time from the word to the request, so there is no tolerance.
 */
export function wrongness(reply: Reply, evidence: Evidence): string | undefined {
  const { token, status } = reply;
  if (token === undefined) return status === 401 ? undefined : `${status} without a token`;
  if (status === 503) return undefined;
  const words = evidence.words(token).filter(({ at }) => at <= reply.receivedAt);
  if (status === 200) return wronglyLetIn(reply, words, evidence);
  if (status === 401) return wronglyRefused(reply, words);
  return `${status} for a token`;
}

/** Whether a span and a time have a moment in common. */
export function overlaps(
  spans: readonly Span[],
  { sentAt, receivedAt }: Pick<Reply, 'sentAt' | 'receivedAt'>,
): boolean {
  return spans.some(({ from, until }) => from <= receivedAt && sentAt <= until);
}

function wronglyLetIn(reply: Reply, words: readonly Word[], evidence: Evidence): string | undefined {
  if (subjectOf(reply.body) !== reply.token) return "let in with another token's answer";
  const last = words.findLast(({ active }) => active);
  if (last === undefined) return 'let in though the server never called it active';
  const bound = overlaps(evidence.unreachable, reply) ? evidence.maxAgeIfErrorMs : evidence.maxAgeMs;
  if (reply.sentAt - last.at > bound) return `let in by an answer older than ${bound} ms`;
  const denied = words.some(({ at, active }) => !active && at > last.at && at + arrivesMs < reply.sentAt);
  return denied ? 'let in though the server had called it inactive since' : undefined;
}

function wronglyRefused({ sentAt }: Reply, words: readonly Word[]): string | undefined {
  const last = words.findLast(({ active }) => !active);
  if (last === undefined) return 'refused without a word of the server';
  if (sentAt - last.at > inactiveMaxAgeMs) return `refused by an answer older than ${inactiveMaxAgeMs} ms`;
  if (last.lie && words.some(({ at, active }) => active && at < last.at))
    return 'refused by a passing fault, though known';
  const affirmed = words.some(({ at, active }) => active && at > last.at && at + arrivesMs < sentAt);
  return affirmed ? 'refused though the server had called it active since' : undefined;
}

function subjectOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { sub?: unknown }).sub;
  } catch {
    return undefined;
  }
}
