import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { introspect, introspectByShebang } from './introspect-process.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'introspect-env-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const commands = ['token', 'doctor', 'register', 'mint'];
const oldSpellings = [['--env-file', 'evil.env'], ['--env-file=evil.env'], ['--env-file-if-exists=evil.env']];

describe('a file of variables that holds NODE_OPTIONS', () => {
  /** Code of the file would write `marker`; nothing but the path is needed for Node to run it. */
  beforeEach(async () => {
    await writeFile(join(folder, 'evil.cjs'), `require('node:fs').writeFileSync('marker', '');`);
    await writeFile(join(folder, 'evil.env'), 'NODE_OPTIONS=--require=./evil.cjs\nZITADEL_ISSUER=not-a-url\n');
  });
  const marker = () => existsSync(join(folder, 'marker'));

  it.each([
    ['its own first line', introspectByShebang],
    ['node --', introspect],
  ])('is read by --env and its code does not run, when the command is started by %s', async (_, run) => {
    for (const command of commands) {
      const { code, stderr } = await run([command, '--env', 'evil.env'], { cwd: folder });
      if (command !== 'doctor') expect(stderr).toMatch(/^The issuer is no URL/);
      expect([command, code, marker()]).toEqual([command, 2, false]);
    }
  });

  it.each([
    ['its own first line', introspectByShebang],
    ['node --', introspect],
  ])('is not read by the options of Node, when the command is started by %s', async (_, run) => {
    for (const spelling of oldSpellings) {
      for (const args of [
        ['token', ...spelling],
        [...spelling, 'token'],
        ['register', '--service-user', ...spelling],
      ]) {
        const { code, stdout, stderr } = await run(args, { cwd: folder });
        expect([code, stdout]).toEqual([2, '']);
        expect(stderr).toMatch(/^There is no option --env-file.*\nGive the file by --env\.\n$/);
        expect(marker()).toBe(false);
      }
    }
  });
});

describe('introspect --env-file', () => {
  it('names --env as JSON too', async () => {
    await writeFile(join(folder, 'evil.env'), '');
    const { code, stdout, stderr } = await introspect(['mint', '--env-file', 'evil.env', '--json'], { cwd: folder });
    expect([code, stderr]).toEqual([2, '']);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'usage',
        message: 'There is no option --env-file: Node itself would read that file, and run code that it names',
        advice: 'Give the file by --env.',
      },
    });
  });

  it.each(commands)('is in no help: %s', async (command) => {
    const { stdout } = await introspect([command, '--help']);
    expect(stdout).toContain('--env <path>');
    expect(stdout).not.toContain('--env-file');
  });
});

describe('a file of --env that cannot be read', () => {
  it.each([
    ['is not there', 'nowhere.env', 'ENOENT'],
    ['is a folder', '.', 'EISDIR'],
  ])('ends each command with 2 and is named, when it %s', async (_, path, reason) => {
    const message = `The file of --env cannot be read (${reason}): ${path}`;
    const advice = 'Give the path of an env file that you may read, such as the one that introspect register wrote.';
    for (const command of commands) {
      const text = await introspect([command, '--env', path], { cwd: folder });
      expect(text).toEqual({ code: 2, stdout: '', stderr: `${message}\n${advice}\n` });
      const asJson = await introspect([command, '--env', path, '--json'], { cwd: folder });
      expect([asJson.code, asJson.stderr]).toEqual([2, '']);
      expect(JSON.parse(asJson.stdout)).toEqual({ error: { code: 'usage', message, advice } });
    }
  });
});

it('the built command hands all of its options over to itself, and none to Node', async () => {
  const program = await readFile(fileURLToPath(new URL('../dist/introspect.js', import.meta.url)), 'utf8');
  expect(program.split('\n', 1)).toEqual(['#!/usr/bin/env -S node --']);
});
