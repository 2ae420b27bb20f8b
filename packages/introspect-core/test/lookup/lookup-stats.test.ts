import { expect, it, vi } from 'vitest';
import { Events } from '../../src/events/events.js';
import { LookupStats } from '../../src/lookup/lookup-stats.js';

it('lookup stats count each event and pass it to the listener', () => {
  const listener = vi.fn();
  const stats = new LookupStats(new Events(listener));
  stats.emit({ type: 'miss' });
  stats.emit({ type: 'hit', active: true });
  stats.emit({ type: 'hit', active: false });
  expect(stats.counts()).toMatchObject({ hit: 2, miss: 1, stale: 0 });
  expect(listener.mock.calls).toEqual([
    [{ type: 'miss' }],
    [{ type: 'hit', active: true }],
    [{ type: 'hit', active: false }],
  ]);
});

it('lookup stats count without a listener, and return a copy', () => {
  const stats = new LookupStats(new Events(undefined));
  const before = stats.counts();
  stats.emit({ type: 'miss' });
  expect([before.miss, stats.counts().miss]).toEqual([0, 1]);
});
