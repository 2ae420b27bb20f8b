import { expect, it, vi } from 'vitest';
import { EventEmitter } from '../../src/events/event-emitter.js';
import { LookupCounters } from '../../src/lookup/lookup-stats.js';

it('the lookup counters count each event and pass it to the listener', () => {
  const listener = vi.fn();
  const counters = new LookupCounters(new EventEmitter(listener));
  counters.emit({ type: 'cache_miss' });
  counters.emit({ type: 'cache_hit', active: true });
  counters.emit({ type: 'cache_hit', active: false });
  expect(counters.counts()).toMatchObject({ cache_hit: 2, cache_miss: 1, stale_served: 0 });
  expect(listener.mock.calls).toEqual([
    [{ type: 'cache_miss' }],
    [{ type: 'cache_hit', active: true }],
    [{ type: 'cache_hit', active: false }],
  ]);
});

it('the lookup counters count without a listener, and return a copy', () => {
  const counters = new LookupCounters(new EventEmitter(undefined));
  const before = counters.counts();
  counters.emit({ type: 'cache_miss' });
  expect([before.cache_miss, counters.counts().cache_miss]).toEqual([0, 1]);
});
