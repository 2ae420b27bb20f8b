import { describe, expect, it } from 'vitest';
import type { Outcome } from '../src/chaos.js';
import { failures as failuresOf } from '../src/failures.js';
import type { Kind, Reply } from '../src/judge.js';
import { redisPlan, shortPlan } from '../src/plan.js';
import { count, mostInASecond, type PhaseTally, phaseTally } from '../src/tally.js';

function reply(kind: Kind, status: number, took = 5): Reply {
  return { kind, token: 'mine', sentAt: 1000, receivedAt: 1000 + took, status, body: '' };
}

/** Returns an outcome without a failure: an outage, and a healthy phase after it. */
function outcome(parts: Partial<Outcome> = {}): Outcome & { phases: [PhaseTally, PhaseTally] } {
  const phases: [PhaseTally, PhaseTally] = [phaseTally('outage', 1000), phaseTally('healthy', 1000)];
  phases[1].backAfterMs = 1000;
  const replies = [
    ...[reply('good', 200), reply('alive', 200), reply('unseen', 200), reply('unseen', 503)],
    ...[reply('revoked', 401), reply('garbage', 401), reply('none', 401)],
  ];
  for (const each of replies) count(phases[0], each, { excused: false });
  return {
    errors: 0,
    longestAcceptedMs: { reachable: 0, unreachable: 0 },
    mostIntrospectionsInASecond: 40,
    memory: undefined,
    longestStallMs: 0,
    stats: { lookups: { stale_served: 1, rechecked: 1, refreshed: 1 }, requests: {}, shed: {} },
    storedKeys: undefined,
    end: { code: 0, stderr: '' },
    ...parts,
    phases,
  };
}

const failures = (of: Outcome) => failuresOf(of, shortPlan);

describe('a run', () => {
  it('without a failure passes', () => {
    expect(failures(outcome())).toEqual([]);
  });

  it('passes when many requests arrived together because this program did not run', () => {
    expect(failures(outcome({ mostIntrospectionsInASecond: 75, longestStallMs: 500 }))).toEqual([]);
  });

  it('fails on a wrong response', () => {
    const bad = outcome();
    count(bad.phases[0], reply('good', 401), { wrong: 'rejected', excused: true });
    expect(failures(bad)).toEqual(['1 wrong responses: good: rejected']);
  });

  it('fails when a known good token was not served, except while the responses of the server were invalid', () => {
    const bad = outcome();
    count(bad.phases[0], reply('good', 503), { excused: true });
    expect(failures(bad)).toEqual([]);
    count(bad.phases[0], reply('good', 503), { excused: false });
    expect(failures(bad)).toEqual(['1 requests with known good tokens were not served (outage)']);
  });

  it('fails when a request waited longer than the time limit', () => {
    const bad = outcome();
    count(bad.phases[0], reply('unseen', 503, 6001), { excused: false });
    expect(failures(bad)).toEqual(['a request waited 6001 ms (outage)']);
  });

  it.each([
    [1001, 'back 1001 ms after an outage'],
    [undefined, 'back Infinity ms after an outage'],
  ])('fails when new tokens pass %s ms after an outage', (backAfterMs, message) => {
    const bad = outcome();
    bad.phases[1].backAfterMs = backAfterMs;
    expect(failures(bad)).toEqual([message]);
  });

  it.each<[Partial<Outcome>, string]>([
    [{ errors: 1 }, '1 requests got no reply'],
    [{ mostIntrospectionsInASecond: 51 }, '51 introspection requests in a second'],
    [{ mostIntrospectionsInASecond: 76, longestStallMs: 500 }, '76 introspection requests in a second'],
    [{ end: { code: null, stderr: '' } }, 'the demo ended with null: '],
    [{ end: { code: 0, stderr: 'oops' } }, 'the demo ended with 0: oops'],
    [{ stats: { lookups: { stale_served: 1, refreshed: 1 }, requests: {}, shed: {} } }, 'nothing was rechecked'],
  ])('fails on %j', (parts, message) => {
    expect(failures(outcome(parts))).toEqual([message]);
  });

  it('with Redis fails when nothing was stored, and when no call of the store failed', () => {
    const lookups = { refreshed: 1, store_failed: 1 };
    const good = outcome({ storedKeys: 1, stats: { lookups, requests: {}, shed: {} } });
    expect(failuresOf(good, redisPlan)).toEqual([]);
    const bad = outcome({ storedKeys: 0, stats: { lookups: { refreshed: 1 }, requests: {}, shed: {} } });
    expect(failuresOf(bad, redisPlan)).toEqual(['nothing is in Redis', 'nothing was store_failed']);
  });

  it('fails when a reply that must occur did not occur', () => {
    const empty = { ...outcome(), phases: [] };
    expect(failures(empty)).toContain('no 401 for "revoked" was seen');
    expect(failures(empty)).toHaveLength(7);
  });
});

describe('mostInASecond()', () => {
  it('counts within any second, not only within those of the clock', () => {
    expect(mostInASecond([])).toBe(0);
    expect(mostInASecond([0, 900, 1000, 1100, 1899, 5000])).toBe(4);
  });
});
