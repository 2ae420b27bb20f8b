import { afterEach, expect, it, vi } from 'vitest';
import { sharesPromises } from '../src/workerd.js';

afterEach(() => vi.unstubAllGlobals());

it.each([
  ['on workerd', { userAgent: 'Cloudflare-Workers' }, false],
  ['on Node', { userAgent: 'Node.js/24' }, true],
  ['where there is no navigator', undefined, true],
])('promises are shared, %s: %s', (_, navigator, outcome) => {
  vi.stubGlobal('navigator', navigator);
  expect(sharesPromises()).toBe(outcome);
});
