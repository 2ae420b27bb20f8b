import { afterEach, describe, expect, it, vi } from 'vitest';
import { afterResponse, sharesPromises } from '../../src/runtime/workerd.js';

afterEach(() => vi.unstubAllGlobals());

it.each([
  ['on workerd', { userAgent: 'Cloudflare-Workers' }, false],
  ['on Node', { userAgent: 'Node.js/24' }, true],
  ['where there is no navigator', undefined, true],
])('promises are shared, %s: %s', (_, navigator, outcome) => {
  vi.stubGlobal('navigator', navigator);
  expect(sharesPromises()).toBe(outcome);
});

describe('work that an answer need not wait for', () => {
  const work = Promise.resolve();

  it.each(['Node.js/24', 'Cloudflare-Workers'])('goes through waitUntil where there is one: on %s', (userAgent) => {
    vi.stubGlobal('navigator', { userAgent });
    const request = { waitUntil: vi.fn() };
    expect(afterResponse(work, request)).toBeUndefined();
    expect(request.waitUntil).toHaveBeenCalledExactlyOnceWith(work);
    expect(request.waitUntil.mock.contexts).toEqual([request]);
  });

  it('is to be waited for on workerd where there is none', () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    expect(afterResponse(work, {})).toBe(work);
  });

  it('goes on by itself elsewhere', () => {
    vi.stubGlobal('navigator', { userAgent: 'Node.js/24' });
    expect(afterResponse(work, {})).toBeUndefined();
  });
});
