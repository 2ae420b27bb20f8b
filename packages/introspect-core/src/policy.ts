import type { InvalidTokenReason } from './errors.js';
import type { ActiveToken } from './introspection-response.js';

/** What an API expects of every token. */
export interface Expectations {
  /** Seconds since the epoch. */
  now: number;
  /** Absent: 0 for `exp`, 30 for `nbf`. */
  clockSkewSeconds?: number | undefined;
  issuer?: string | undefined;
  /** The token's `aud` must hold one of them. */
  audience?: readonly string[] | undefined;
}

/** Kinds of token that a server may call active, and that open no API. */
const otherKinds = new Set(['refresh', 'refresh_token', 'offline', 'id', 'id_token', 'logout']);

/** The first reason, in this order, why an active token is no good here: time, issuer, audience, kind, binding. */
export function judgeToken(token: ActiveToken, expected: Expectations): InvalidTokenReason | undefined {
  const { now, clockSkewSeconds, issuer, audience } = expected;
  if (token.exp !== undefined && now >= token.exp + (clockSkewSeconds ?? 0)) return 'expired';
  if (token.nbf !== undefined && token.nbf > now + (clockSkewSeconds ?? 30)) return 'not_yet_valid';
  if (issuer !== undefined && token.iss !== undefined && token.iss !== issuer) return 'issuer_mismatch';
  if (audience !== undefined && !audience.some((each) => isMeantFor(token, each))) return 'audience_mismatch';
  if ([token.token_type, token.token_use, token.typ].some(isOtherKind)) return 'not_an_access_token';
  if (isBound(token)) return 'sender_constraint';
  return undefined;
}

/** A string is one audience, never a text to search. */
function isMeantFor({ aud }: ActiveToken, audience: string): boolean {
  return typeof aud === 'string' ? aud === audience : (aud ?? []).includes(audience);
}

function isOtherKind(kind: unknown): boolean {
  return typeof kind === 'string' && otherKinds.has(kind.toLowerCase());
}

/** Bound to a key (RFC 7800 §3.1), and no key can be proved yet. */
function isBound(token: ActiveToken): boolean {
  return Object.keys(token.cnf ?? {}).length > 0 || token.token_type?.toLowerCase() === 'dpop';
}
