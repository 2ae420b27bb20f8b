import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

/** A piece of a line that is coloured, where colours are wanted. */
export interface Styled {
  readonly style: Style;
  readonly text: string;
}

/** A line for people: text as it came from anywhere, since what a terminal must not get is taken out when it is written. */
export type Line = string | readonly (string | Styled)[];

/** Where a command writes: what was asked for to stdout, all else to stderr. */
export interface Output {
  /** One JSON value instead of text: nothing else is written to stdout then. */
  readonly json: boolean;
  /** What the command was run for, once: the value with `--json`, else the lines. */
  result(value: object, lines: readonly Line[]): void;
  /** What is being done, for someone who watches: only at a terminal, and not with `--json`. */
  progress(text: string): void;
  /** What is worth knowing besides. */
  note(...lines: string[]): void;
}

/** `NO_COLOR` turns colours off, and `FORCE_COLOR` on where there is no terminal. */
export function outputOf(json: boolean, environment: NodeJS.ProcessEnv): Output {
  const colors = !environment.NO_COLOR && (Boolean(environment.FORCE_COLOR) || process.stdout.isTTY === true);
  function shown(piece: string | Styled): string {
    if (typeof piece === 'string') return printable(piece);
    return colors ? styleText(piece.style, printable(piece.text), { validateStream: false }) : printable(piece.text);
  }
  return {
    json,
    result(value, lines) {
      const text = lines.map((line) => `${(typeof line === 'string' ? [line] : line).map(shown).join('')}\n`);
      process.stdout.write(json ? `${printableJson(value)}\n` : text.join(''));
    },
    progress(text) {
      if (process.stderr.isTTY && !json) process.stderr.write(`${printable(text)}\n`);
    },
    note: (...lines) => void process.stderr.write(lines.map((line) => `${printable(line)}\n`).join('')),
  };
}

export function styled(style: Style, text: string): Styled {
  return { style, text };
}

/** Others choose their names: no control character of theirs, nor one that turns the writing round, reaches a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}

/** JSON leaves most of these characters as they are; escaped they mean the same. */
function printableJson(value: object): string {
  return JSON.stringify(value, null, 2).replaceAll(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
