import { describe, expect, it } from 'vitest';
import type { Word } from '../src/faulty-server.js';
import { type Evidence, type Reply, wrongness } from '../src/judge.js';

const active = (at: number): Word => ({ at, active: true, lie: false });
const inactive = (at: number): Word => ({ at, active: false, lie: false });
const lie = (at: number): Word => ({ at, active: false, lie: true });

/** What the judge says of a reply within 10 ms from `sentAt`, once the server has said so much. */
function judged(
  {
    status,
    sentAt,
    sub = 'mine',
    token = 'mine',
  }: { status: number; sentAt: number; sub?: string; token?: string | null },
  words: Word[] = [],
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
  return wrongness(reply, { words: () => words, unreachable, maxAgeMs: 6000, maxAgeIfErrorMs: 60_000 });
}

const gone = [{ from: 50_000, until: 90_000 }];

describe('a token that is let in', () => {
  it('was called active no longer ago than the cache may remember it', () => {
    expect(judged({ status: 200, sentAt: 7000 }, [active(1000)])).toBeUndefined();
    expect(judged({ status: 200, sentAt: 7001 }, [active(1000)])).toBe('let in by an answer older than 6000 ms');
    expect(judged({ status: 200, sentAt: 1000 })).toBe('let in though the server never called it active');
    expect(judged({ status: 200, sentAt: 1000 }, [active(1011)])).toBe(
      'let in though the server never called it active',
    );
  });

  it('may be remembered longer while the server is unreachable, and only then', () => {
    expect(judged({ status: 200, sentAt: 61_000 }, [active(1000)], gone)).toBeUndefined();
    expect(judged({ status: 200, sentAt: 49_990 }, [active(1000)], gone)).toBeUndefined();
    expect(judged({ status: 200, sentAt: 49_989 }, [active(1000)], gone)).toBe(
      'let in by an answer older than 6000 ms',
    );
    expect(judged({ status: 200, sentAt: 61_001 }, [active(1000)], gone)).toBe(
      'let in by an answer older than 60000 ms',
    );
    expect(judged({ status: 200, sentAt: 90_001 }, [active(50_000)], gone)).toBe(
      'let in by an answer older than 6000 ms',
    );
  });

  it('was not called inactive since, be that a lie', () => {
    const denied = 'let in though the server had called it inactive since';
    expect(judged({ status: 200, sentAt: 3001 }, [active(1000), inactive(2000)])).toBe(denied);
    expect(judged({ status: 200, sentAt: 3001 }, [active(1000), lie(2000)])).toBe(denied);
    expect(judged({ status: 200, sentAt: 55_000 }, [active(51_000), inactive(52_000)], gone)).toBe(denied);
    expect(judged({ status: 200, sentAt: 3001 }, [active(1000), lie(2000), active(2500)])).toBeUndefined();
    expect(judged({ status: 200, sentAt: 3000 }, [active(1000), inactive(2000)])).toBeUndefined(); // it was under way
  });

  it("is answered with its own claims, not with another one's", () => {
    expect(judged({ status: 200, sentAt: 1000, sub: 'yours' }, [active(1000)])).toBe(
      "let in with another token's answer",
    );
  });
});

describe('a token that is refused', () => {
  it('was called inactive, not long ago', () => {
    expect(judged({ status: 401, sentAt: 4000 }, [active(0), inactive(1000)])).toBeUndefined();
    expect(judged({ status: 401, sentAt: 4001 }, [inactive(1000)])).toBe('refused by an answer older than 3000 ms');
    expect(judged({ status: 401, sentAt: 1000 }, [active(1000)])).toBe('refused without a word of the server');
    expect(judged({ status: 401, sentAt: 1000 })).toBe('refused without a word of the server');
  });

  it('was not known as active, where the server called it inactive in passing', () => {
    expect(judged({ status: 401, sentAt: 1000 }, [lie(1000)])).toBeUndefined();
    expect(judged({ status: 401, sentAt: 1000 }, [active(500), lie(1000)])).toBe(
      'refused by a passing fault, though known',
    );
  });

  it('was not called active since', () => {
    expect(judged({ status: 401, sentAt: 3000 }, [lie(1000), active(1999)])).toBe(
      'refused though the server had called it active since',
    );
    expect(judged({ status: 401, sentAt: 3000 }, [lie(1000), active(2000)])).toBeUndefined(); // it was under way
  });
});

describe('any other reply', () => {
  it('is 503 for a token, which accuses nobody, and nothing else', () => {
    expect(judged({ status: 503, sentAt: 1000 })).toBeUndefined();
    expect([400, 403, 404, 500].map((status) => judged({ status, sentAt: 1000 }, [active(1000)]))).toEqual([
      '400 for a token',
      '403 for a token',
      '404 for a token',
      '500 for a token',
    ]);
  });

  it('is 401 where there was no token, whatever the server does', () => {
    expect(judged({ status: 401, sentAt: 1000, token: null })).toBeUndefined();
    expect(judged({ status: 503, sentAt: 1000, token: null })).toBe('503 without a token');
    expect(judged({ status: 200, sentAt: 1000, token: null })).toBe('200 without a token');
  });
});
