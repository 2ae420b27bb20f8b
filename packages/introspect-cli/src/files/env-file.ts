import { parseEnv } from 'node:util';
import { type Failure, usage } from '../failure.js';

/** Variables to set. Those that are `undefined` are removed. */
export type EnvChanges = Readonly<Record<string, string | undefined>>;

/**
 * Returns the text of an env file with these variables set or removed. The lines of other variables stay the same.
 *
 * Node's `parseEnv` (`node --env-file`) and a POSIX shell (`set -a; . ./.env`) read the same values from it.
 *
 * @throws Failure naming a variable whose value cannot be written for both
 */
export function changedEnv(text: string, changes: EnvChanges): string {
  const left = new Map(Object.entries(changes));
  const lineOf = (name: string) => {
    const value = left.get(name);
    left.delete(name); // a second line of this name is dropped
    return value === undefined ? [] : [`${name}=${quoted(name, value)}`];
  };
  const lines = text.split('\n').flatMap((line) => {
    const name = nameOf(line);
    return Object.hasOwn(changes, name) ? lineOf(name) : [line];
  });
  while (lines.at(-1) === '') lines.pop();
  lines.push(...[...left.keys()].flatMap(lineOf));
  const changed = lines.map((line) => `${line}\n`).join('');
  const [before, after] = [parseEnv(text), parseEnv(changed)];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after), ...Object.keys(changes)])) {
    const expected = own(Object.hasOwn(changes, name) ? changes : before, name);
    if (own(after, name) !== expected) throw unwritable(name);
  }
  return changed;
}

/** Ignores inherited members: a variable may be called `toString`. */
function own(variables: EnvChanges, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}

function nameOf(line: string): string {
  return /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=/.exec(line)?.[1] ?? '';
}

/** Leaves a plain value unquoted. Otherwise chooses quotes within which neither reader expands anything. */
function quoted(name: string, value: string): string {
  if (/^[\w./:@%+,=-]+$/.test(value)) return value;
  if (!/['\0\r]/.test(value)) return `'${value}'`;
  if (!/["$`\\\0\r\n]/.test(value)) return `"${value}"`;
  throw unwritable(name);
}

function unwritable(name: string): Failure {
  return usage(
    `${name} cannot be written to this env file so that both Node and a shell read it correctly`,
    'Choose another value, or another --out.',
  );
}
