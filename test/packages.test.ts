import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name: string) => join(root, 'node_modules/.bin', name);
const { packageManager } = createRequire(import.meta.url)('../package.json');
const env = { ...process.env, npm_config_prefer_offline: 'true', npm_config_update_notifier: 'false' };

const packages = ['core', 'fastify', 'hono', 'nestjs', 'testing'].map((name) => `introspect-${name}`);
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
  it('is what publint and attw call right', async () => {
    await run(bin('publint'), ['run', tarball(name), '--strict']);
    await run(bin('attw'), [tarball(name)]);
  });

  it('has what was built and nothing else', async () => {
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
      Promise.all(['good', 'bad'].map((token) => client.introspect(token))).then((answers) => console.log(JSON.stringify(answers)));`,
    );
    const { stdout, stderr } = await run(node, [program], { cwd: project });
    expect(JSON.parse(stdout)).toEqual([{ active: true, sub: 'mickey' }, { active: false }]);
    expect(stderr).toBe('');
  });

  it('reads its types, with the claims that ZITADEL and the user add', async () => {
    await writeFile(
      join(project, 'claims.ts'),
      `import type { ActiveToken } from '@acme/introspect-core';
      import type { ZitadelRoles } from '@acme/introspect-core/zitadel';
      declare module '@acme/introspect-core' {
        interface ActiveToken {
          readonly 'https://my.example/tenant'?: string;
        }
      }
      export function read(token: ActiveToken): void {
        const roles: ZitadelRoles | undefined = token['urn:zitadel:iam:org:project:roles'];
        const ofProject: ZitadelRoles | undefined = token['urn:zitadel:iam:org:project:1234:roles'];
        const tenant: string | undefined = token['https://my.example/tenant'];
        const exp: number | undefined = token.exp;
        // @ts-expect-error a claim that nobody declared is unknown
        const unknown: string | undefined = token.unheard_of;
        // @ts-expect-error an answer cannot be changed
        token.sub = 'another';
        void [roles, ofProject, tenant, exp, unknown];
      }`,
    );
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022'];
    await run(bin('tsc'), [...options, 'claims.ts'], { cwd: project }).catch((error) =>
      expect(error.stdout || error).toBe(''),
    );
  });
});

/** Each Node on the path: the one of the tools, and the one of the machine. */
function nodes(): string[] {
  const found = (process.env.PATH ?? '').split(delimiter).map((each) => join(each, 'node'));
  return [...new Set(found.filter((file) => existsSync(file)).map((file) => realpathSync(file)))].filter(
    (file) => !file.endsWith('.js'),
  );
}

/** Installs a tarball with npm; without a network by hand, with nothing but its declared dependencies beside it. */
async function install(name: string, project: string): Promise<void> {
  try {
    const options = ['--no-audit', '--no-fund', '--fetch-retries=0'];
    await run('npm', ['install', ...options, tarball(name)], { cwd: project, env });
    return;
  } catch (error) {
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ENOTCACHED/.test(String((error as { stderr?: string }).stderr)))
      throw error;
  }
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
