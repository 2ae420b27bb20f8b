import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { transpiled } from '../transpiled.js';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Writes the programs of a page, each of which begins with the name of its file. Compiles them with the `tsconfig.json` of
 * the page, if it has one. Returns the paths of the tests.
 */
async function writeTests(page: string, folder: string): Promise<string[]> {
  const text = await readFile(join(root, page), 'utf8');
  const [, tsconfig] = /^echo '(.*?)' > tsconfig\.json$/ms.exec(text) ?? [];
  const tests: string[] = [];
  for (const [, name = '', ending, code = ''] of text.matchAll(/^```[jt]s\n\/\/ (\S+)\.([jt]s)\n(.*?)^```$/gms)) {
    const file = tsconfig === undefined ? `${name}.js` : `${name}.${ending}`;
    await writeFile(join(folder, file), tsconfig === undefined ? transpiled(code) : code);
    if (name.endsWith('.test')) tests.push(join(folder, tsconfig === undefined ? '' : 'dist', `${name}.js`));
  }
  if (tsconfig !== undefined) {
    await writeFile(join(folder, 'tsconfig.json'), tsconfig);
    await run(join(root, 'node_modules/.bin/tsc'), [], { cwd: folder }).catch((error) => expect(error.stdout).toBe(''));
  }
  return tests;
}

describe('a reader who copies the programs of', () => {
  it.each([
    ['docs/testing.md', 4],
    ['docs/writing-an-adapter.md', 82],
  ])(
    '%s has tests that pass',
    async (page, minimum) => {
      const folder = await mkdtemp(join(here, '.snippets-'));
      try {
        const tests = await writeTests(page, folder);
        expect(tests.length).toBeGreaterThan(0);
        const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
        const arguments_ = ['--test', '--test-reporter=tap', ...tests];
        const { stdout } = await run(process.execPath, arguments_, { env, maxBuffer: 10 ** 7 }).catch((error) => error);
        expect(stdout).toMatch(/^# fail 0$/m);
        expect(Number(/^# pass (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThanOrEqual(minimum);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    300_000,
  );

  it('docs/writing-an-adapter.md has an adapter of at most 60 lines of code', async () => {
    const page = await readFile(join(root, 'docs/writing-an-adapter.md'), 'utf8');
    const [, code = ''] = /^```ts\n\/\/ adapter\.ts\n(.*?)^```$/ms.exec(page) ?? [];
    const lines = code.split('\n').filter((line) => !/^\s*(\/\/|\/?\*|$)/.test(line));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(60);
  });
});

/** Returns the anchors that GitHub makes of the headings of a page. */
async function anchorsOf(page: string): Promise<string[]> {
  const text = (await readFile(join(root, page), 'utf8')).replaceAll(/^```.*?^```$/gms, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the links to headings', () => {
  it.each(
    globSync(['*.md', '{docs,benchmarks}/**/*.md', 'packages/*/README.md'], {
      cwd: root,
      exclude: ['**/node_modules/**'],
    }),
  )('%s names only headings that exist', async (page) => {
    const text = await readFile(join(root, page), 'utf8');
    for (const [link, target = '', anchor] of text.matchAll(/\]\(([^)#:]*)#([^)]+)\)/g)) {
      const anchors = await anchorsOf(target === '' ? page : join(dirname(page), target));
      expect(anchors, link).toContain(anchor);
    }
  });
});
