import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changedEnv } from '../../src/files/env-file.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'introspect-env-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Returns a variable's value in a process that a shell starts after it sourced the file. */
function sourced(text: string, name: string): string {
  writeFileSync(join(folder, '.env'), text);
  const script = `set -a; . ./.env; exec "$1" -e 'process.stdout.write(String(process.env["${name}"]))'`;
  return execFileSync('sh', ['-c', script, 'sh', process.execPath], { cwd: folder, encoding: 'utf8', env: {} });
}

const values = [
  'plain',
  'https://my-instance.zitadel.cloud:8443/a?b=c',
  'with space and # no comment',
  '$HOME `id` $(id) \\n \\ "quoted" !',
  "it's",
  '*',
  '~/x',
  'a;b&c|d<e>f(g)',
  'é ß 你 🔑',
  ' led and trailed ',
  'two\nlines',
  '',
];

describe('changedEnv', () => {
  it.each(values)('writes a value that Node and a shell read alike: %j', (value) => {
    const text = changedEnv('', { NAME: value });
    expect(parseEnv(text).NAME).toBe(value);
    expect(sourced(text, 'NAME')).toBe(value);
  });

  it.each(["it's $HOME", `'"`, 'a\rb', "'\n"])(
    'rejects a value that not both can read, and names only the variable: %j',
    (value) => {
      expect(() => changedEnv('', { ZITADEL_X: value })).toThrow(/^ZITADEL_X cannot be written/);
    },
  );

  it('does not change other lines, comments or the order', () => {
    const text = '# mine\nPORT=3000\n\nZITADEL_CLIENT_ID=old\nexport ZITADEL_CLIENT_SECRET="old"\nOTHER="a b" # why\n';
    const changes = { ZITADEL_CLIENT_ID: 'new', ZITADEL_CLIENT_SECRET: undefined, ZITADEL_ISSUER: 'https://a' };
    expect(changedEnv(text, changes)).toBe(
      '# mine\nPORT=3000\n\nZITADEL_CLIENT_ID=new\nOTHER="a b" # why\nZITADEL_ISSUER=https://a\n',
    );
  });

  it('writes one line for a variable that was set twice', () => {
    expect(changedEnv('A=1\nB=2\nA=3\n', { A: '4' })).toBe('A=4\nB=2\n');
  });

  it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'does not remove a variable called %s',
    (name) => {
      expect(changedEnv(`${name}=1\nA=2\n`, { A: '3' })).toBe(`${name}=1\nA=3\n`);
    },
  );

  it('ends the last line with a line break', () => {
    expect(changedEnv('A=1', { B: '2' })).toBe('A=1\nB=2\n');
  });

  it('rejects a change that would change another variable', () => {
    const text = 'A="begins\nB=inside\nends"\n';
    expect(() => changedEnv(text, { B: '2' })).toThrow(/^A cannot be written|^B cannot be written/);
  });
});
