import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
/** The start of a path for a folder of programs. It is in the repository, so that the packages resolve. */
export const programFolder = fileURLToPath(new URL('.snippets-', import.meta.url));
/** Every document, as a path from the root. */
export const pages = globSync(['*.md', 'docs/**/*.md', 'packages/*/README.md'], { cwd: root });
/** Returns the text of a file of the repository. */
export const read = (file: string) => readFile(join(root, file), 'utf8');

/** Returns the cells of every row of every table in a text. */
export const rows = (text: string) =>
  [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split('|').map((cell) => cell.trim()));

/** Returns the blocks of code of one page whose language matches, in order. */
export async function blocks(page: string, language: RegExp): Promise<{ language: string; code: string }[]> {
  const found = (await read(page)).matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return [...found]
    .map(([, language = '', code = '']) => ({ language, code }))
    .filter((block) => language.test(block.language));
}

/** Returns the names that the error about the option `unknown` lists. */
export function knownOptions(construct: () => unknown): string[] {
  try {
    construct();
  } catch (error) {
    const [, names = ''] = /known options: (.*)$/.exec(String(error)) ?? [];
    return names.split(', ');
  }
  return [];
}
