import { describe, expect, it } from 'vitest';
import type { Statement } from '../src/faulty-server.js';
import { type Evidence, type Reply, wrongness } from '../src/judge.js';

const active = (at: number): Statement => ({ at, active: true, lie: false });
const inactive = (at: number): Statement => ({ at, active: false, lie: false });
const lie = (at: number): Statement => ({ at, active: false, lie: true });

/** Returns what is wrong with a reply 10 ms after `sentAt`, after these statements of the server. */
function judged(
  {
    status,
    sentAt,
    sub = 'mine',
    token = 'mine',
  }: { status: number; sentAt: number; sub?: string; token?: string | null },
  statements: Statement[] = [],
  unreachable: Evidence['unreachable'] = [],
): string | undefined {
  const reply: Reply = {
    kind: 'good',
    token: token ?? undefined,
    sentAt,
    receivedAt: sentAt + 10,
    status,
    body: JSON.stringify({ sub }),
  };
  return wrongness(reply, { statements: () => statements, unreachable, maxAgeMs: 6000, maxAgeIfErrorMs: 60_000 });
}

const gone = [{ from: 50_000, until: 90_000 }];

describe('an accepted token', () => {
  it('was active in a response that the cache may still use', () => {
    expect(judged({ status: 200, sentAt: 7000 }, [active(1000)])).toBeUndefined();
    expect(judged({ status: 200, sentAt: 7001 }, [active(1000)])).toBe('accepted by a response older than 6000 ms');
    expect(judged({ status: 200, sentAt: 1000 })).toBe('accepted, but the server never called it active');
    expect(judged({ status: 200, sentAt: 1000 }, [active(1011)])).toBe(
      'accepted, but the server never called it active',
    );
  });

  it('may be cached longer while the server is unreachable, and only then', () => {
    expect(judged({ status: 200, sentAt: 61_000 }, [active(1000)], gone)).toBeUndefined();
    expect(judged({ status: 200, sentAt: 49_990 }, [active(1000)], gone)).toBeUndefined();
    expect(judged({ status: 200, sentAt: 49_989 }, [active(1000)], gone)).toBe(
      'accepted by a response older than 6000 ms',
    );
    expect(judged({ status: 200, sentAt: 61_001 }, [active(1000)], gone)).toBe(
      'accepted by a response older than 60000 ms',
    );
    expect(judged({ status: 200, sentAt: 90_001 }, [active(50_000)], gone)).toBe(
      'accepted by a response older than 6000 ms',
    );
  });

  it('was not called inactive since, not even wrongly', () => {
    const denied = 'accepted, but the server has called it inactive since';
    expect(judged({ status: 200, sentAt: 3001 }, [active(1000), inactive(2000)])).toBe(denied);
    expect(judged({ status: 200, sentAt: 3001 }, [active(1000), lie(2000)])).toBe(denied);
    expect(judged({ status: 200, sentAt: 55_000 }, [active(51_000), inactive(52_000)], gone)).toBe(denied);
    expect(judged({ status: 200, sentAt: 3001 }, [active(1000), lie(2000), active(2500)])).toBeUndefined();
    expect(judged({ status: 200, sentAt: 3000 }, [active(1000), inactive(2000)])).toBeUndefined(); // it was under way
  });

  it('gets its own claims, not those of another token', () => {
    expect(judged({ status: 200, sentAt: 1000, sub: 'yours' }, [active(1000)])).toBe(
      "accepted with another token's response",
    );
  });
});

describe('a rejected token', () => {
  it('was inactive in a response that the cache may still use', () => {
    expect(judged({ status: 401, sentAt: 4000 }, [active(0), inactive(1000)])).toBeUndefined();
    expect(judged({ status: 401, sentAt: 4001 }, [inactive(1000)])).toBe('rejected by a response older than 3000 ms');
    expect(judged({ status: 401, sentAt: 1000 }, [active(1000)])).toBe('rejected without a response of the server');
    expect(judged({ status: 401, sentAt: 1000 })).toBe('rejected without a response of the server');
  });

  it('was not known as active when the server wrongly called it inactive', () => {
    expect(judged({ status: 401, sentAt: 1000 }, [lie(1000)])).toBeUndefined();
    expect(judged({ status: 401, sentAt: 1000 }, [active(500), lie(1000)])).toBe(
      'rejected by a passing fault, but known to be active',
    );
  });

  it('was not called active since', () => {
    expect(judged({ status: 401, sentAt: 3000 }, [lie(1000), active(1999)])).toBe(
      'rejected, but the server has called it active since',
    );
    expect(judged({ status: 401, sentAt: 3000 }, [lie(1000), active(2000)])).toBeUndefined(); // it was under way
  });
});

describe('any other reply', () => {
  it('is 503 for a token, and no other status', () => {
    expect(judged({ status: 503, sentAt: 1000 })).toBeUndefined();
    expect([400, 403, 404, 500].map((status) => judged({ status, sentAt: 1000 }, [active(1000)]))).toEqual([
      '400 for a token',
      '403 for a token',
      '404 for a token',
      '500 for a token',
    ]);
  });

  it('is 401 without a token, whatever the server does', () => {
    expect(judged({ status: 401, sentAt: 1000, token: null })).toBeUndefined();
    expect(judged({ status: 503, sentAt: 1000, token: null })).toBe('503 without a token');
    expect(judged({ status: 200, sentAt: 1000, token: null })).toBe('200 without a token');
  });
});
