import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  AccessDeniedError,
  Authorizer,
  type CacheOptions,
  InsufficientScopeError,
  InsufficientUserAuthenticationError,
  InvalidClientError,
  InvalidRequestError,
  InvalidResponseError,
  InvalidTokenError,
  MissingTokenError,
  UnavailableError,
} from '@acme/introspect-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocks, knownOptions, pages, programFolder, read, root, rows } from './pages.js';

const run = promisify(execFile);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(programFolder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('docs/errors.md', () => {
  it('shows the responses that are really sent', async () => {
    const challenge = { realm: 'items' };
    const errors = [
      new MissingTokenError(challenge),
      new InvalidRequestError(challenge),
      new InvalidTokenError('inactive', challenge),
      new InsufficientScopeError({ ...challenge, scope: 'items:read items:write' }),
      new InsufficientUserAuthenticationError({ ...challenge, max_age: 300 }),
      new AccessDeniedError(),
      new UnavailableError('…', 7),
      new InvalidResponseError('…'),
      new InvalidClientError('…'),
    ];
    const written = errors.map(({ status, headers, body }) => {
      const fields = headers.map(([name, value]) => `${name}: ${value}\n`).join('');
      return `${status}\n${fields}\n${JSON.stringify(body)}\n`;
    });
    expect((await blocks('docs/errors.md', /^http$/)).map(({ code }) => code)).toEqual(written);
    const page = await read('docs/errors.md');
    for (const { code, name } of errors) expect(page).toContain(`## \`${code}\`: \`${name}\``);
  });
});

describe('a test file in the README of introspect-testing', () => {
  it.each(['routes', 'outage', 'contracts'])(
    'passes: %s.test.mjs',
    async (name) => {
      const programs = await blocks('packages/introspect-testing/README.md', /^js$/);
      const found = programs.find(({ code }) => code.startsWith(`// ${name}.test.mjs`));
      const file = join(folder, `${name}.test.mjs`);
      await writeFile(file, found?.code ?? '');
      const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', file]);
      expect(stdout).toMatch(/^# pass [1-9]/m);
      expect(stdout).toMatch(/^# fail 0$/m);
    },
    60_000,
  );
});

/** What the programs for Bun and Deno use of their runtime. */
const runtimes = `
type FetchHandler = (request: Request) => Response | Promise<Response>;
declare const Bun: { serve(options: { fetch: FetchHandler }): { url: URL } };
declare const Deno: { serve(handler: FetchHandler): unknown };
`;

describe('the code in the documentation', () => {
  const recipes = 'docs/recipes.md';
  it.each([
    ['on all pages but the recipes', pages.filter((page) => page !== recipes), []],
    // The declarations of h3 and Elysia do not compile with these options, so they are not checked.
    ['in the recipes', [recipes], ['--skipLibCheck']],
  ])(
    'compiles: %s',
    async (_, compiled, more) => {
      const files: string[] = [];
      for (const page of compiled) {
        const ofPage = await mkdtemp(join(folder, `${page.replaceAll(/\W/g, '-')}-`));
        for (const [index, { language, code }] of (await blocks(page, /^[tj]s$/)).entries()) {
          // Programs of one page that name their files may import each other.
          const [, name = `${index}.${language}`] = /^\/\/ (\S+\.[tj]s)\n/.exec(code) ?? [];
          const file = join(ofPage, files.includes(join(ofPage, name)) ? `${index}.${language}` : name);
          await writeFile(file, code);
          files.push(file);
        }
      }
      expect(files.length).toBeGreaterThan(3);
      files.push(join(folder, 'runtimes.d.ts'));
      await writeFile(join(folder, 'runtimes.d.ts'), runtimes);
      const options = [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--exactOptionalPropertyTypes',
        '--experimentalDecorators',
        '--allowJs',
        '--checkJs',
        '--module',
        'nodenext',
        '--target',
        'es2022',
        '--types',
        'node',
        ...more,
      ];
      const tsc = run(join(root, 'node_modules/.bin/tsc'), [...options, ...files], { cwd: folder });
      await tsc.catch((error) => expect(error.stdout || error).toBe(''));
    },
    240_000,
  );
});

describe('the cache in docs/caching.md', () => {
  it('has its options explained, each by its name', async () => {
    const cache = { maxAgeSeconds: 1, unknown: 1 } as CacheOptions;
    const construct = () => new Authorizer({ issuer: 'https://a.example', clientId: 'c', clientSecret: 's', cache });
    const table = (await read('docs/caching.md')).split('## The life')[0] ?? '';
    const inFirstColumn = rows(table).flatMap(([option]) => option?.match(/^`(\w+)`$/)?.[1] ?? []);
    expect(inFirstColumn.sort()).toEqual(knownOptions(construct).sort());
  });
});

describe('the documentation', () => {
  it.each(pages)('%s converts no environment variable that may be unset to a string', async (page) => {
    const text = await read(page);
    expect(text.match(/\bString\(\s*process\.env|\?\?\s*(''|""|``)|process\.env\.\w+(!| as string)/g)).toBeNull();
  });

  it.each(pages)('%s links to files and headings that exist', async (page) => {
    const links = [...(await read(page)).matchAll(/\]\(([^)#:\s]*)(?:#([^)]+))?\)/g)];
    const broken: string[] = [];
    for (const [link, path = '', fragment] of links) {
      const target = path === '' ? page : join(dirname(page), path);
      const exists = existsSync(join(root, target));
      if (!exists || (fragment !== undefined && !headings(await read(target)).includes(fragment))) broken.push(link);
    }
    expect(broken).toEqual([]);
  });

  it('shows a jwtPrefilter without "algorithms", because a rotation to another one would reject every good token', async () => {
    const calls = (await Promise.all(pages.map((page) => blocks(page, /^[jt]s$/))))
      .flat()
      .flatMap(({ code }) => code.match(/jwtPrefilter\([^)]*\)/g) ?? []);
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter((call) => call.includes('algorithms'))).toEqual([]);
  });
});

/** Returns the fragments that link to the headings of a page. */
function headings(text: string): string[] {
  const titles = [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title);
  return titles.map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
