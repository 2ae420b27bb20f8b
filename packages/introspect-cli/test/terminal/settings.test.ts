import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { introspect } from '../support/introspect.js';
import { introspectByShebang, introspectProcess } from '../support/real-process.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'introspect-env-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const commands = ['token', 'doctor', 'register', 'get-token'];
const oldSpellings = [['--env-file', 'evil.env'], ['--env-file=evil.env'], ['--env-file-if-exists=evil.env']];

describe('an env file that contains NODE_OPTIONS', () => {
  /** If Node obeys the file, its code writes `marker`. */
  beforeEach(async () => {
    await writeFile(join(folder, 'evil.cjs'), `require('node:fs').writeFileSync('marker', '');`);
    await writeFile(join(folder, 'evil.env'), 'NODE_OPTIONS=--require=./evil.cjs\nZITADEL_ISSUER=not-a-url\n');
  });
  const marker = () => existsSync(join(folder, 'marker'));

  it.each([
    ['its own first line', introspectByShebang],
    ['node --', introspectProcess],
  ])('is read by --env without running its code, when the command is started by %s', async (_, run) => {
    const runs = commands.map(async (command) => ({
      command,
      ...(await run([command, '--env', 'evil.env'], { cwd: folder })),
    }));
    for (const { command, code, stderr } of await Promise.all(runs)) {
      if (command !== 'doctor') expect(stderr).toMatch(/^The issuer is not a URL/);
      expect([command, code, marker()]).toEqual([command, 2, false]);
    }
  });

  it.each([
    ['its own first line', introspectByShebang],
    ['node --', introspectProcess],
  ])('is not read by options of Node, when the command is started by %s', async (_, run) => {
    const commandLines = oldSpellings.flatMap((spelling) => [
      ['token', ...spelling],
      [...spelling, 'token'],
      ['register', '--service-user', ...spelling],
    ]);
    for (const { code, stdout, stderr } of await Promise.all(commandLines.map((args) => run(args, { cwd: folder })))) {
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^unknown option --env-file.*\nUse --env instead\.\n$/);
      expect(marker()).toBe(false);
    }
  });
});

describe('introspect --env-file', () => {
  it('is rejected with JSON that names --env under --json', async () => {
    await writeFile(join(folder, 'evil.env'), '');
    const { code, stdout, stderr } = await introspect(['get-token', '--env-file', 'evil.env', '--json'], {
      cwd: folder,
    });
    expect([code, stderr]).toEqual([2, '']);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'usage',
        message: 'unknown option --env-file: Node itself reads that file, and can run code that it names',
        advice: 'Use --env instead.',
      },
    });
  });

  it.each(commands)('does not appear in the help of a command: %s', async (command) => {
    const { stdout } = await introspect([command, '--help']);
    expect(stdout).toContain('--env <path>');
    expect(stdout).not.toContain('--env-file');
  });
});

describe('a file of --env that cannot be read', () => {
  it.each([
    ['does not exist', 'nowhere.env', 'ENOENT'],
    ['is a folder', '.', 'EISDIR'],
  ])('ends each command with exit code 2 and an error that names it, when it %s', async (_, path, reason) => {
    const message = `Cannot read the file of --env (${reason}): ${path}`;
    const advice = 'Set --env to an env file that you can read, such as the one that introspect register wrote.';
    for (const command of commands) {
      const text = await introspect([command, '--env', path], { cwd: folder });
      expect(text).toEqual({ code: 2, stdout: '', stderr: `${message}\n${advice}\n` });
      const asJson = await introspect([command, '--env', path, '--json'], { cwd: folder });
      expect([asJson.code, asJson.stderr]).toEqual([2, '']);
      expect(JSON.parse(asJson.stdout)).toEqual({ error: { code: 'usage', message, advice } });
    }
  });
});

it('the first line of the built command passes all options to the command, and none to Node', async () => {
  const program = await readFile(fileURLToPath(new URL('../../dist/introspect.js', import.meta.url)), 'utf8');
  expect(program.split('\n', 1)).toEqual(['#!/usr/bin/env -S node --']);
});
