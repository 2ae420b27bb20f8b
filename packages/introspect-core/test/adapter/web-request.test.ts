import { describe, expect, it, vi } from 'vitest';
import { webRequestContext } from '../../src/adapter/index.js';

const request = new Request('https://api.example/me?a=b', {
  method: 'POST',
  headers: [
    ['Authorization', 'Bearer a'],
    ['Authorization', 'Bearer b'],
    ['X-One', '1'],
  ],
});

describe('webRequestContext', () => {
  it('the context has method, URL and fields, and joins lines of the same name', () => {
    const context = webRequestContext(request);
    expect(context).toMatchObject({ authorization: 'Bearer a, Bearer b', method: 'POST', url: request.url });
    expect(context.header?.('x-ONE')).toEqual(['1']);
    expect(context.header?.('x-two')).toEqual([]);
    expect(webRequestContext(new Request('https://api.example')).authorization).toBeNull();
  });

  it('the native request is the request itself, or the one that the adapter passes', () => {
    const native = {};
    expect(webRequestContext(request).native).toBe(request);
    expect(webRequestContext(request, native).native).toBe(native);
  });

  it('the context reads signal and waitUntil only when they are needed', () => {
    const { signal } = new AbortController();
    const signalOf = vi.fn(() => signal);
    const runtimeOf = vi.fn(() => ({ waitUntil: () => {} }));
    const lazy = Object.defineProperty(request.clone(), 'signal', { get: signalOf });
    const native = {};
    const context = webRequestContext(lazy, native, runtimeOf);
    expect([signalOf, runtimeOf].map(({ mock }) => mock.calls)).toEqual([[], []]);
    expect(context.signal).toBe(signal);
    expect(context.waitUntil).toBeTypeOf('function');
    expect(runtimeOf).toHaveBeenCalledExactlyOnceWith(native);
  });

  it('waitUntil is called as a method of its runtime, and is undefined without one', () => {
    const runtime = {
      promises: [] as unknown[],
      waitUntil(promise: Promise<unknown>) {
        this.promises.push(promise);
      },
    };
    const work = Promise.resolve();
    webRequestContext(request, request, () => runtime).waitUntil?.(work);
    expect(runtime.promises).toEqual([work]);
    expect(webRequestContext(request).waitUntil).toBeUndefined();
    const ending: { waitUntil?: (promise: Promise<unknown>) => void } = { waitUntil: () => {} };
    const { waitUntil } = webRequestContext(request, request, () => ending);
    delete ending.waitUntil;
    expect(() => waitUntil?.(work)).not.toThrow();
    expect(webRequestContext(request, request, () => ({})).waitUntil).toBeUndefined();
  });
});
