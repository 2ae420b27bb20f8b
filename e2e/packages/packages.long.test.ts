import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  contractCases,
  inactive,
  type ScriptedServer,
  sendRequest,
  startScriptedServer,
} from '@acme/introspect-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transpiled } from '../transpiled.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = (name: string) => join(root, 'node_modules/.bin', name);
const { packageManager } = createRequire(import.meta.url)('../../package.json');
const env = { ...process.env, npm_config_prefer_offline: 'true', npm_config_update_notifier: 'false' };

const packages = ['cli', 'core', 'express', 'fastify', 'hono', 'nestjs', 'testing'].map((name) => `introspect-${name}`);
let folder: string;
const tarball = (name: string) => join(folder, `${name}.tgz`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'introspect-packages-'));
  for (const name of packages) {
    const cwd = join(root, 'packages', name);
    await run('npx', ['-y', packageManager, 'pack', '--out', tarball(name)], { cwd, env });
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(packages)('the packed %s', (name) => {
  it('passes publint and attw', async () => {
    await run(bin('publint'), ['run', tarball(name), '--strict']);
    if (name !== 'introspect-cli') await run(bin('attw'), [tarball(name)]); // a command has no types
  });

  it('holds the built files and no others', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball(name)]);
    const files = stdout.trim().split('\n');
    expect(files.filter((file) => !file.startsWith('package/dist/')).sort()).toEqual([
      'package/LICENSE',
      'package/README.md',
      'package/package.json',
    ]);
  });
});

describe.each([
  ['ESM', 'module', 'mjs', "import { IntrospectionClient } from '@acme/introspect-core';"],
  ['CJS', 'commonjs', 'cjs', "const { IntrospectionClient } = require('@acme/introspect-core');"],
])('an empty %s project', (_, type, extension, load) => {
  let project: string;
  let server: ScriptedServer;
  beforeAll(async () => {
    server = await startScriptedServer();
    server.tokens.set('good', { sub: 'mickey' });
    project = join(folder, type);
    await mkdir(project);
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type }));
    await install('introspect-core', project);
  });
  afterAll(() => server.close());

  it.each(nodes())('installs the tarball and introspects, on %s', async (node) => {
    const program = join(project, `introspect.${extension}`);
    await writeFile(
      program,
      `${load}
      const client = new IntrospectionClient({ issuer: '${server.origin}', clientId: 'api', clientSecret: 'secret' });
      Promise.all(['good', 'bad'].map((token) => client.introspect(token))).then((responses) => console.log(JSON.stringify(responses)));`,
    );
    const { stdout, stderr } = await run(node, [program], { cwd: project });
    expect(JSON.parse(stdout)).toEqual([{ active: true, sub: 'mickey' }, { active: false }]);
    expect(stderr).toBe('');
  });

  it.each([true, false])('compiles with its types (exactOptionalPropertyTypes: %s)', async (exact) => {
    await writeFile(join(project, 'types.ts'), await readFile(join(root, 'e2e/types/programs/core.ts'), 'utf8'));
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--lib',
      'es2023,dom,esnext.disposable',
    ];
    await run(bin('tsc'), [...options, '--exactOptionalPropertyTypes', String(exact), 'types.ts'], {
      cwd: project,
    }).catch((error) => expect(error.stdout || error).toBe(''));
  });
});

describe('an empty project with the packed introspect-cli', () => {
  const project = () => join(folder, 'cli');
  beforeAll(async () => {
    await mkdir(project());
    await writeFile(join(project(), 'package.json'), JSON.stringify({ name: 'empty', private: true }));
    await install('introspect-cli', project(), ['introspect-core']);
  });

  async function programOf(): Promise<string> {
    const folder = join(project(), 'node_modules/@acme/introspect-cli');
    const { bin } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    return join(folder, bin.introspect);
  }

  it.each(nodes())('has the command introspect, on %s', async (node) => {
    const program = await programOf();
    const { stdout, stderr } = await run(node, ['--', program, '--help'], { cwd: project() });
    expect(stdout).toMatch(/^Usage: introspect /);
    expect(stdout).toContain('register');
    expect(stderr).toBe('');
    const failure = await run(node, ['--', program, 'get-token'], { cwd: project(), env: {} }).catch((error) => error);
    expect([failure.code, failure.stderr]).toEqual([2, expect.stringContaining('The issuer is missing')]);
  });

  it.each(nodes())(
    'runs no code that an env file names when it is started by its own first line, on %s',
    async (node) => {
      const program = await programOf();
      await writeFile(join(project(), 'evil.cjs'), `require('node:fs').writeFileSync('marker', '');`);
      await writeFile(join(project(), 'evil.env'), 'NODE_OPTIONS=--require=./evil.cjs\n');
      const options = { cwd: project(), env: { PATH: `${dirname(node)}${delimiter}${process.env.PATH}` } };
      for (const [args, message] of [
        [['--env', 'evil.env'], 'The issuer is missing'],
        [['--env-file', 'evil.env'], 'Use --env instead.'],
        [['--env-file=evil.env'], 'Use --env instead.'],
      ] as const) {
        const failure = await run(program, ['token', ...args], options).catch((error) => error);
        expect([failure.code, failure.stderr]).toEqual([2, expect.stringContaining(message)]);
        expect(existsSync(join(project(), 'marker'))).toBe(false);
      }
    },
  );
});

describe.each(nodes())('the packed introspect-nestjs with NestJS 11, on %s', (node) => {
  const platforms = ['startNestExpressApi', 'startNestFastifyApi'] as const;

  it.for(platforms)('passes the contract: %s', async (start, { annotate }) => {
    const project = join(folder, 'nest11');
    const installed = await installNest11(project);
    if (!installed)
      return void (await annotate('Skipped: NestJS 11 is not installed, and the registry cannot be reached'));
    const server = await startScriptedServer();
    const program = join(project, 'api.mjs');
    await writeFile(
      join(project, 'nestjs.mjs'),
      transpiled(await readFile(join(root, 'e2e/contract/apis/nestjs.ts'), 'utf8')),
    );
    await writeFile(
      program,
      `import * as apis from './nestjs.mjs';
      const api = await apis[process.argv[2]]({ origin: process.argv[3], timeoutMs: 2000 });
      console.log(api.origin);`,
    );
    const child = spawn(node, [program, start, server.origin], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    try {
      const [printed] = await once(child.stdout, 'data');
      const origin = String(printed).trim();
      for (const { name, request, response, server: script } of contractCases(server)) {
        server.always(script ?? inactive());
        expect(await sendRequest(origin, request), name).toEqual(response);
      }
    } finally {
      child.kill('SIGKILL');
      await ended;
      await server.close();
    }
  });
});

/** Installs the tarballs and NestJS 11 once. Returns `false` without a network. */
async function installNest11(project: string): Promise<boolean> {
  if (existsSync(join(project, 'node_modules/@nestjs/core'))) return true;
  await mkdir(project, { recursive: true });
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'nest11', private: true, type: 'module' }));
  const nest = ['common', 'core', 'platform-express', 'platform-fastify'].map((name) => `@nestjs/${name}@11`);
  const tarballs = ['introspect-core', 'introspect-nestjs', 'introspect-testing'].map(tarball);
  return npmInstall(project, [...tarballs, ...nest, 'reflect-metadata@0.2', 'rxjs@7']);
}

/** Returns each Node on the path: that of the tools, and that of the machine. */
function nodes(): string[] {
  const found = (process.env.PATH ?? '').split(delimiter).map((each) => join(each, 'node'));
  return [...new Set(found.filter((file) => existsSync(file)).map((file) => realpathSync(file)))].filter(
    (file) => !file.endsWith('.js'),
  );
}

/** Installs a tarball with npm. Without a network, unpacks it and links only its declared dependencies. */
async function install(name: string, project: string, alongside: string[] = []): Promise<void> {
  if (await npmInstall(project, [name, ...alongside].map(tarball))) return;
  const target = join(project, 'node_modules/@acme', name);
  await mkdir(target, { recursive: true });
  await run('tar', ['-xzf', tarball(name), '-C', target, '--strip-components=1']);
  const { dependencies = {} } = JSON.parse(await readFile(join(target, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) {
    const link = join(project, 'node_modules', dependency);
    await mkdir(dirname(link), { recursive: true });
    await symlink(realpathSync(join(root, 'packages', name, 'node_modules', dependency)), link);
  }
}

/** Installs with npm. Returns `false` without a network. */
async function npmInstall(project: string, packages: string[]): Promise<boolean> {
  try {
    const options = ['--no-audit', '--no-fund', '--fetch-retries=0'];
    await run('npm', ['install', ...options, ...packages], { cwd: project, env });
    return true;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    // If npm cannot look up a peer dependency, it reports it as a package without a version.
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ENOTCACHED|Found: \S+@undefined/.test(String(stderr)))
      return false;
    throw error;
  }
}
