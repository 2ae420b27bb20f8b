import { afterEach, describe, expect, it, vi } from 'vitest';
import { afterResponse, sharesPromises } from '../../src/runtime/workerd.js';

afterEach(() => vi.unstubAllGlobals());

it.each([
  ['on workerd', { userAgent: 'Cloudflare-Workers' }, false],
  ['on Node', { userAgent: 'Node.js/24' }, true],
  ['without a navigator', undefined, true],
])('sharesPromises() %s returns %s', (_, navigator, outcome) => {
  vi.stubGlobal('navigator', navigator);
  expect(sharesPromises()).toBe(outcome);
});

describe('background work after a response', () => {
  const work = Promise.resolve();

  it.each(['Node.js/24', 'Cloudflare-Workers'])('background work is passed to waitUntil on %s', (userAgent) => {
    vi.stubGlobal('navigator', { userAgent });
    const request = { waitUntil: vi.fn() };
    expect(afterResponse(work, request)).toBeUndefined();
    expect(request.waitUntil).toHaveBeenCalledExactlyOnceWith(work);
    expect(request.waitUntil.mock.contexts).toEqual([request]);
  });

  it('background work on workerd without waitUntil is returned, so that the request waits for it', () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    expect(afterResponse(work, {})).toBe(work);
  });

  it('background work without waitUntil continues by itself on Node', () => {
    vi.stubGlobal('navigator', { userAgent: 'Node.js/24' });
    expect(afterResponse(work, {})).toBeUndefined();
  });
});
