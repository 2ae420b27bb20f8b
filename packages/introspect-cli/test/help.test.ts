import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { introspect } from './support/introspect.js';

describe('introspect', () => {
  it('prints the help as JSON with --json', async () => {
    const { code, stdout, stderr } = await introspect(['token', '--json', '--help']);
    expect(JSON.parse(stdout)).toEqual({ help: expect.stringMatching(/^Usage: introspect token .*\n/) });
    expect([code, stderr]).toEqual([0, '']);
  });

  it.each([[[]], [['--help']], [['help']]])('%j prints the help', async (args) => {
    const { code, stdout, stderr } = await introspect(args);
    expect(stdout).toMatch(/^Usage: introspect .*\n(.*\n)* {2}token /);
    expect([code, stderr]).toEqual([0, '']);
  });

  it.each([['--version'], ['-V']])('prints its version with %s, also as JSON', async (flag) => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
    expect(await introspect([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    const { stdout } = await introspect([flag, '--json']);
    expect(JSON.parse(stdout)).toEqual({ version });
  });

  it.each(['token', 'doctor', 'register', 'get-token'])(
    'describes environment and examples in the help, in lines of at most 100 columns: %s',
    async (command) => {
      const { stdout } = await introspect([command, '--help']);
      expect(stdout).toMatch(/\nEnvironment:\n(.*\n)* {2}ZITADEL_\w+ {2}/);
      expect(stdout).toMatch(/\nExamples:\n {2}\$ introspect /);
      expect(stdout).not.toContain('default: []');
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    },
  );

  it('names each variable in token --help', async () => {
    const { stdout } = await introspect(['token', '--help']);
    for (const name of ['ISSUER', 'CLIENT_ID', 'CLIENT_SECRET', 'KEY_FILE', 'PROJECT_ID', 'TOKEN'])
      expect(stdout).toContain(`ZITADEL_${name}`);
  });
});
