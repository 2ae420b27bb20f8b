import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

it('packages/introspect-core/src/client/circuit-breaker.ts has at most 120 lines', async () => {
  const file = new URL('../packages/introspect-core/src/client/circuit-breaker.ts', import.meta.url);
  const source = await readFile(file, 'utf8');
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(120);
});
