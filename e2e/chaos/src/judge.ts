import type { Span, Statement } from './faulty-server.js';

/** The kind of token in a request. A token that will be revoked is `alive` before, and `revoked` after that. */
export type Kind = 'good' | 'alive' | 'revoked' | 'unseen' | 'garbage' | 'none';

/** A response of the API. */
export interface Reply {
  readonly kind: Kind;
  readonly token: string | undefined;
  readonly sentAt: number;
  readonly receivedAt: number;
  readonly status: number;
  readonly body: string;
}

/** What the server did, and how long the cache may use a response. */
export interface Evidence {
  statements(token: string): readonly Statement[];
  readonly unreachable: readonly Span[];
  readonly maxAgeMs: number;
  readonly maxAgeIfErrorMs: number;
}

/** How long the cache uses an inactive response by default. */
const inactiveMaxAgeMs = 3000;
/** After this time, a response of the server must have arrived and must have taken effect. */
const arrivesMs = 1000;

/**
 * Returns what is wrong with a reply, or `undefined`. 503 is wrong only without a token, because no server is needed then.
 *
 * An accepted token must have been active in a response of the server, and a rejected one inactive, in one that the cache
 * may still use. The check has no tolerance: a response is at least as old as the time since the server sent it.
 */
export function wrongness(reply: Reply, evidence: Evidence): string | undefined {
  const { token, status } = reply;
  if (token === undefined) return status === 401 ? undefined : `${status} without a token`;
  if (status === 503) return undefined;
  const statements = evidence.statements(token).filter(({ at }) => at <= reply.receivedAt);
  if (status === 200) return wronglyAccepted(reply, statements, evidence);
  if (status === 401) return wronglyRejected(reply, statements);
  return `${status} for a token`;
}

/** Returns whether a request overlaps with one of the periods. */
export function overlaps(
  spans: readonly Span[],
  { sentAt, receivedAt }: Pick<Reply, 'sentAt' | 'receivedAt'>,
): boolean {
  return spans.some(({ from, until }) => from <= receivedAt && sentAt <= until);
}

function wronglyAccepted(reply: Reply, statements: readonly Statement[], evidence: Evidence): string | undefined {
  if (subjectOf(reply.body) !== reply.token) return "accepted with another token's response";
  const last = statements.findLast(({ active }) => active);
  if (last === undefined) return 'accepted, but the server never called it active';
  const bound = overlaps(evidence.unreachable, reply) ? evidence.maxAgeIfErrorMs : evidence.maxAgeMs;
  if (reply.sentAt - last.at > bound) return `accepted by a response older than ${bound} ms`;
  const denied = statements.some(({ at, active }) => !active && at > last.at && at + arrivesMs < reply.sentAt);
  return denied ? 'accepted, but the server has called it inactive since' : undefined;
}

function wronglyRejected({ sentAt }: Reply, statements: readonly Statement[]): string | undefined {
  const last = statements.findLast(({ active }) => !active);
  if (last === undefined) return 'rejected without a response of the server';
  if (sentAt - last.at > inactiveMaxAgeMs) return `rejected by a response older than ${inactiveMaxAgeMs} ms`;
  if (last.lie && statements.some(({ at, active }) => active && at < last.at))
    return 'rejected by a passing fault, but known to be active';
  const affirmed = statements.some(({ at, active }) => active && at > last.at && at + arrivesMs < sentAt);
  return affirmed ? 'rejected, but the server has called it active since' : undefined;
}

function subjectOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { sub?: unknown }).sub;
  } catch {
    return undefined;
  }
}
