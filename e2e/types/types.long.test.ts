import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

it.each([
  ['module', true],
  ['module', false],
  ['commonjs', true],
  ['commonjs', false],
])(
  'the programs in e2e/types/programs compile in strict mode: %s, exactOptionalPropertyTypes %s',
  async (type, exact) => {
    const folder = await mkdtemp(join(root, 'e2e/types/.programs-'));
    try {
      await cp(join(root, 'e2e/types/programs'), folder, { recursive: true });
      await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type }));
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: exact,
        noEmit: true,
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023', 'dom', 'dom.iterable', 'esnext.disposable'],
        types: ['node'],
        skipLibCheck: true,
        experimentalDecorators: true,
      };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
      await run(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch((error) =>
        expect(error.stdout || error).toBe(''),
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
