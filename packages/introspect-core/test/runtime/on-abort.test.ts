import { getEventListeners } from 'node:events';
import { active, startScriptedServer } from '@acme/introspect-testing';
import { describe, expect, it, vi } from 'vitest';
import { IntrospectionClient } from '../../src/index.js';
import { onAbort } from '../../src/runtime/on-abort.js';
import { holdResponse } from '../support/held-response.js';

describe('onAbort', () => {
  it('onAbort calls the listeners in the order in which they were added, and one added twice twice', () => {
    const { signal, abort } = withSignal();
    const called: string[] = [];
    const twice = () => void called.push('twice');
    onAbort(signal, twice);
    onAbort(signal, () => void called.push('other'));
    onAbort(signal, twice);
    abort();
    expect(called).toEqual(['twice', 'other', 'twice']);
  });

  it('onAbort does not call a removed listener, but calls the others', () => {
    const { signal, abort } = withSignal();
    const [removed, remaining] = [vi.fn(), vi.fn()];
    const stop = onAbort(signal, removed);
    onAbort(signal, remaining);
    stop();
    stop();
    abort();
    expect(removed).not.toHaveBeenCalled();
    expect(remaining).toHaveBeenCalledOnce();
  });

  it('onAbort adds one event listener to a signal for any number of listeners, and removes it with the last one', () => {
    const { signal } = withSignal();
    const stops = Array.from({ length: 100 }, () => onAbort(signal, () => {}));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const stop of stops.slice(1)) stop();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    stops[0]?.();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    onAbort(signal, () => {});
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });
});

it('30 requests of a client with one signal share one event listener, which is removed after the last one', async () => {
  const server = await startScriptedServer();
  const { held, release } = holdResponse(active());
  server.always(held);
  const { introspectionEndpoint } = server;
  const client = new IntrospectionClient({
    introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    limits: { concurrent: 20 },
  });
  const { signal } = withSignal();
  const requests = Array.from({ length: 30 }, (_, index) => client.introspect(`t${index}`, { signal }));
  await server.introspection(20);
  expect(client.stats().queued).toBe(10);
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  release();
  expect(await Promise.all(requests)).toHaveLength(30);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  await server.close();
});

function withSignal() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
