import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { IntrospectionClient, type IntrospectionClientOptions } from '@acme/introspect-core';
import { startScriptedServer } from '@acme/introspect-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFile(join(root, file), 'utf8');

const pages = globSync(['*.md', 'docs/*.md', 'packages/*/README.md'], { cwd: root });

/** The cells of every row of every table in a text. */
const rows = (text: string) =>
  [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split('|').map((cell) => cell.trim()));

/** The blocks of code of one page, in order. */
async function blocks(page: string, language: RegExp): Promise<{ language: string; code: string }[]> {
  const found = (await read(page)).matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return [...found]
    .map(([, language = '', code = '']) => ({ language, code }))
    .filter((block) => language.test(block.language));
}

// Inside the repository, so that the packages resolve; of this run alone.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(root, 'test/.snippets-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the README's program", () => {
  let program: string;
  beforeAll(async () => {
    program = join(folder, 'introspect.mjs');
    const [first] = await blocks('README.md', /^js$/);
    await writeFile(program, first?.code ?? '');
  });

  it('prints what the README says that it prints', async () => {
    const server = await startScriptedServer({ clientId: 'my-api', clientSecret: 'my secret' });
    server.tokens.set('good', { sub: '200000000000000001' });
    const print = async (token: string, clientSecret = 'my secret') => {
      const env = { ZITADEL_ISSUER: server.origin, ZITADEL_CLIENT_ID: 'my-api', ZITADEL_CLIENT_SECRET: clientSecret };
      const { stdout } = await run(process.execPath, [program, token], { env });
      return `\`${stdout.trim()}\``;
    };
    const printed = [await print('good'), await print('garbage'), await print('good', 'wrong')];
    await server.close();
    printed.push(await print('good'));
    const table = rows((await read('README.md')).split('## What happens')[0] ?? '');
    expect(table.slice(2).map(([, prints]) => prints)).toEqual(printed);
  });
});

describe('the code in the documentation', () => {
  it('compiles', async () => {
    const files: string[] = [];
    for (const page of pages) {
      for (const [index, { language, code }] of (await blocks(page, /^[tj]s$/)).entries()) {
        const file = join(folder, `${page.replaceAll(/\W/g, '-')}-${index}.m${language}`);
        await writeFile(file, code);
        files.push(file);
      }
    }
    expect(files.length).toBeGreaterThan(3);
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--allowJs',
      '--checkJs',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      'node',
    ];
    const tsc = run(join(root, 'node_modules/.bin/tsc'), [...options, ...files], { cwd: folder });
    await tsc.catch((error) => expect(error.stdout || error).toBe(''));
  });
});

describe('the documentation', () => {
  it.each(pages)('%s links to files that exist', async (page) => {
    const targets = [...(await read(page)).matchAll(/\]\(([^)#:]+)\)/g)].map(([, target = '']) => target);
    expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  it('names every option of the client, and no other', async () => {
    const construct = () => new IntrospectionClient({ unknown: 1 } as IntrospectionClientOptions);
    const [, names = ''] = /there are (.*)$/.exec(String(catching(construct))) ?? [];
    const table = (await read('README.md')).split('## Options')[1]?.split('## Errors')[0] ?? '';
    const inFirstColumn = rows(table).flatMap(([option]) => option?.match(/`(\w+)`/g) ?? []);
    expect(inFirstColumn.map((name) => name.replaceAll('`', '')).sort()).toEqual(names.split(', ').sort());
  });

  it('names every file of the core', async () => {
    const files = (await readdir(join(root, 'packages/introspect-core/src'))).filter((file) => file !== 'index.ts');
    const named = rows(await read('docs/architecture.md')).flatMap(
      ([file]) => /^`([\w-]+)`$/.exec(file ?? '')?.[1] ?? [],
    );
    expect(named.map((name) => `${name}.ts`).sort()).toEqual(files.sort());
  });
});

function catching(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
