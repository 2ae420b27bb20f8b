import { startScriptedServer } from '@acme/introspect-testing';
import { expect, it, vi } from 'vitest';
import { EventEmitter } from '../../src/events/event-emitter.js';
import type { IntrospectEvent } from '../../src/events/events.js';
import { Authorizer, IntrospectionClient } from '../../src/index.js';
import { cachingAuthorizer, outcomeOf } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';

const event: IntrospectEvent = { type: 'cache_miss' };

it('an event emitter passes each event to its listener, which may throw', () => {
  const listener = vi.fn(() => {
    throw new Error('the log is full');
  });
  const events = new EventEmitter(listener);
  expect(events.hasListeners).toBe(true);
  events.emit(event);
  expect(listener).toHaveBeenCalledExactlyOnceWith(event);
});

it('an event emitter works without a listener', () => {
  const events = new EventEmitter(undefined);
  expect(events.hasListeners).toBe(false);
  events.emit(event);
});

it('a listener that throws fails no request and no work of the cache', async () => {
  const server = await startScriptedServer();
  server.tokens.set('good', {});
  const listener = vi.fn((_: IntrospectEvent) => {
    throw new Error('the log is full');
  });
  const clocks = new Clocks();
  const fails = () => Promise.reject(new Error('no store'));
  const store = { get: fails, set: fails, delete: fails };
  const { authorizer, authorize, settle } = cachingAuthorizer(server, clocks, {
    onEvent: listener,
    cache: { refreshAfterSeconds: 3, maxAgeIfErrorSeconds: 300, store },
  });
  expect(await authorize('good')).toBe('ok');
  expect(await authorize('good')).toBe('ok');
  expect(await Promise.all([authorize('bad'), authorize('bad')])).toEqual(['inactive', 'inactive']);
  clocks.pass(3);
  expect(await authorize('good')).toBe('ok');
  await settle();
  expect(server.introspections).toHaveLength(3);
  await server.close();
  clocks.pass(60);
  expect(await authorize('good')).toBe('ok');
  await expect(authorizer.invalidate({ token: 'good' })).rejects.toMatchObject({ code: 'unavailable' });
  expect(await authorize('good')).toBe('unavailable');
  const types = new Set(listener.mock.calls.map(([event]) => event.type));
  const all = [
    'cache_hit',
    'cache_miss',
    'coalesced',
    'introspected',
    'invalidated',
    'refreshed',
    'stale_served',
    'store_failed',
  ];
  expect([...types].sort()).toEqual(all);
});

it('an authorizer with a given client emits its events to the listener of that client', async () => {
  const server = await startScriptedServer();
  const onEvent = vi.fn();
  const { introspectionEndpoint } = server;
  const client = new IntrospectionClient({ introspectionEndpoint, clientId: 'api', clientSecret: 'secret', onEvent });
  await outcomeOf(new Authorizer({ client, cache: { maxAgeSeconds: 60 } }).authorize('Bearer t'));
  await server.close();
  expect(onEvent.mock.calls).toMatchObject([[{ type: 'cache_miss' }], [{ type: 'introspected', outcome: 'inactive' }]]);
});
