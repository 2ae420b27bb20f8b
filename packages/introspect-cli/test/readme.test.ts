import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../src/failure.js';
import { introspect } from './support/introspect.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const helpOf = async (...command: string[]) => (await introspect([...command, '--help'])).stdout;

/** Returns the section with this heading. */
function section(heading: string): string {
  return readme.split(/^## /m).find((each) => each.startsWith(heading)) ?? '';
}

describe('the README', () => {
  it('has a section for each command, and for no other', async () => {
    const commands = [...(await helpOf()).matchAll(/^ {2}([a-z-]+) \[options\]/gm)].map(([, name]) => name);
    const sections = [...readme.matchAll(/^## `introspect ([a-z-]+)`$/gm)].map(([, name]) => name);
    expect(sections.sort()).toEqual(commands.sort());
  });

  it('lists each option of register that no other command has, and no other', async () => {
    const optionsOf = (help: string) => [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option);
    const others = await Promise.all(
      ['token', 'doctor', 'get-token'].map(async (name) => optionsOf(await helpOf(name))),
    );
    const common = new Set(others[0]?.filter((option) => others.every((options) => options.includes(option))));
    const listed = [...section('`introspect register`').matchAll(/^\| `(--[a-z-]+)/gm)].map(([, option]) => option);
    const ofRegister = optionsOf(await helpOf('register')).filter((option) => !common.has(option));
    expect(listed).toEqual(ofRegister);
  });

  it.each(['doctor', 'get-token', 'register', 'token'])('names only options that exist: %s', async (command) => {
    const help = await helpOf(command);
    const options = [...section(`\`introspect ${command}\``).matchAll(/`(--[a-z-]+)/g)].map(([, option]) => option);
    expect(options).not.toEqual([]);
    for (const option of new Set(options)) expect(help).toContain(option);
  });

  it('lists each exit code', () => {
    const listed = [...section('Exit codes').matchAll(/^\| (\d+) /gm)].map(([, code]) => Number(code));
    expect(listed).toEqual(Object.values(exitCodes));
  });
});
