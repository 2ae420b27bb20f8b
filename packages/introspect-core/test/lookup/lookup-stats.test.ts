import { expect, it, vi } from 'vitest';
import { EventEmitter } from '../../src/events/event-emitter.js';
import { LookupCounters } from '../../src/lookup/lookup-stats.js';

it('lookup stats count each event and pass it to the listener', () => {
  const listener = vi.fn();
  const stats = new LookupCounters(new EventEmitter(listener));
  stats.emit({ type: 'cache_miss' });
  stats.emit({ type: 'cache_hit', active: true });
  stats.emit({ type: 'cache_hit', active: false });
  expect(stats.counts()).toMatchObject({ hit: 2, miss: 1, stale: 0 });
  expect(listener.mock.calls).toEqual([
    [{ type: 'cache_miss' }],
    [{ type: 'cache_hit', active: true }],
    [{ type: 'cache_hit', active: false }],
  ]);
});

it('lookup stats count without a listener, and return a copy', () => {
  const stats = new LookupCounters(new EventEmitter(undefined));
  const before = stats.counts();
  stats.emit({ type: 'cache_miss' });
  expect([before.cache_miss, stats.counts().cache_miss]).toEqual([0, 1]);
});
