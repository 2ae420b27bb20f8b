import { stripVTControlCharacters } from 'node:util';
import { shortened } from './curl.js';

const columns = 100;

/** Where the tour prints. */
export interface Terminal {
  colors: boolean;
  write(text: string): void;
  /** Prints as much of the text as fits into one line. */
  writeLine(text: string): void;
  /** From now on, prints only the start of this secret. */
  hide(secret: string): void;
}

/** Returns a terminal that shortens secrets, and breaks lines longer than 100 columns. */
export function createTerminal(colors: boolean, print: (text: string) => void): Terminal {
  const hidden = new Set<string>();
  const redacted = (text: string) => {
    let shown = text;
    for (const secret of hidden) shown = shown.replaceAll(secret, shortened(secret));
    return shown;
  };
  return {
    colors,
    write: (text) => print(redacted(text).replaceAll(/^.+$/gm, wrapped)),
    writeLine: (text) => print(`   ${inOneLine(redacted(text))}\n`), // a secret must be complete to be found, so it cuts last
    hide(secret) {
      for (const form of [secret, new URLSearchParams({ secret }).toString().slice('secret='.length)]) hidden.add(form);
    },
  };
}

export function styles({ colors }: Pick<Terminal, 'colors'>) {
  const style = (codes: readonly [number, number]) => (text: string) =>
    colors ? `\u001b[${codes[0]}m${text}\u001b[${codes[1]}m` : text;
  return { bold: style([1, 22]), dim: style([2, 22]), green: style([32, 39]), red: style([31, 39]) };
}

/** Breaks a line at spaces, or within a word that is too long itself. */
function wrapped(line: string): string {
  const width = (text: string) => stripVTControlCharacters(text).length;
  if (width(line) <= columns) return line;
  const indent = `${/^ {0,20}/.exec(line)?.[0] ?? ''}  `;
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(/(?<=\S)(?= )/)) {
    if (width(current + word) <= columns) {
      current += word;
      continue;
    }
    if (current) lines.push(current);
    current = indent + word.trimStart();
    while (width(current) > columns) {
      lines.push(current.slice(0, columns));
      current = indent + current.slice(columns);
    }
  }
  return [...lines, current].join('\n');
}

/** Cuts a text that does not fit into one line behind an indent of 3. */
function inOneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= columns - 3 ? line : `${line.slice(0, columns - 4)}…`;
}
