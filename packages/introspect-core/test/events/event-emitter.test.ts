import { startScriptedServer } from '@acme/introspect-testing';
import { expect, it, vi } from 'vitest';
import { EventEmitter } from '../../src/events/event-emitter.js';
import type { IntrospectEvent } from '../../src/events/events.js';
import { Authorizer, IntrospectionClient } from '../../src/index.js';
import { cachingAuthorizer, outcomeOf } from '../support/authorizer.js';
import { Clocks } from '../support/clocks.js';

const event: IntrospectEvent = { type: 'cache_miss' };

it('a listener is told what happened, and may throw', () => {
  const listener = vi.fn(() => {
    throw new Error('the log is full');
  });
  const events = new EventEmitter(listener);
  expect(events.hasListeners).toBe(true);
  events.emit(event);
  expect(listener).toHaveBeenCalledExactlyOnceWith(event);
});

it('nobody may listen', () => {
  const events = new EventEmitter(undefined);
  expect(events.hasListeners).toBe(false);
  events.emit(event);
});

it('what a listener throws fails no request, and nothing that the cache does', async () => {
  const server = await startScriptedServer();
  server.tokens.set('good', {});
  const told = vi.fn((_: IntrospectEvent) => {
    throw new Error('the log is full');
  });
  const clocks = new Clocks();
  const fails = () => Promise.reject(new Error('no store'));
  const store = { get: fails, set: fails, delete: fails };
  const { authorizer, authorize, settle } = cachingAuthorizer(server, clocks, {
    onEvent: told,
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
  const types = new Set(told.mock.calls.map(([event]) => event.type));
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

it('an authorizer tells the listener of the client that it was given', async () => {
  const server = await startScriptedServer();
  const onEvent = vi.fn();
  const { introspectionEndpoint } = server;
  const client = new IntrospectionClient({ introspectionEndpoint, clientId: 'api', clientSecret: 'secret', onEvent });
  await outcomeOf(new Authorizer({ client, cache: { maxAgeSeconds: 60 } }).authorize('Bearer t'));
  await server.close();
  expect(onEvent.mock.calls).toMatchObject([[{ type: 'cache_miss' }], [{ type: 'introspected', outcome: 'inactive' }]]);
});
