import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../packages', import.meta.url));
/** At most 250 lines, and fewer where a file would otherwise become the place for everything. */
const limits = { 'introspect-core/src/client/circuit-breaker.ts': 120 } as Record<string, number>;

it('each source file of the core and the adapters is short enough to be read in one go', async () => {
  const folders = ['core', 'express', 'fastify', 'hono', 'nestjs'].map((name) => `introspect-${name}/src`);
  const files = await Promise.all(folders.map((folder) => readdir(join(root, folder), { recursive: true })));
  const paths = folders.flatMap((folder, index) => (files[index] ?? []).map((file) => `${folder}/${file}`));
  const tooLong: string[] = [];
  for (const path of paths.filter((each) => each.endsWith('.ts'))) {
    const lines = (await readFile(join(root, path), 'utf8')).trimEnd().split('\n').length;
    if (lines > (limits[path] ?? 250)) tooLong.push(`${path}: ${lines}`);
  }
  expect(tooLong).toEqual([]);
});
