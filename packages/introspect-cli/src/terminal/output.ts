import { styleText } from 'node:util';
import type { System } from './system.js';

export type Style = Parameters<typeof styleText>[0];

/** A piece of a line that is coloured if colours are on. */
export interface Styled {
  readonly style: Style;
  readonly text: string;
}

/** A line for people. It may contain text from a server: characters that a terminal must not get are replaced when it is written. */
export type Line = string | readonly (string | Styled)[];

/** Where a command writes: its result to stdout, everything else to stderr. */
export interface Output {
  /** Whether stdout gets one JSON value instead of text, and nothing else. */
  readonly json: boolean;
  /** Writes the result of the command, once: the value with `--json`, or else the lines. */
  result(value: object, lines: readonly Line[]): void;
  /** Writes what the command is doing: only at a terminal, and not with `--json`. */
  progress(text: string): void;
  /** Writes an error or a hint for people. */
  message(...lines: string[]): void;
}

/** `NO_COLOR` turns colours off. `FORCE_COLOR` turns them on without a terminal. */
export function outputOf(json: boolean, { env, stdout, stderr }: System): Output {
  const colors = !env.NO_COLOR && (Boolean(env.FORCE_COLOR) || stdout.isTTY === true);
  function shown(piece: string | Styled): string {
    if (typeof piece === 'string') return printable(piece);
    return colors ? styleText(piece.style, printable(piece.text), { validateStream: false }) : printable(piece.text);
  }
  return {
    json,
    result(value, lines) {
      const text = lines.map((line) => `${(typeof line === 'string' ? [line] : line).map(shown).join('')}\n`);
      stdout.write(json ? `${printableJson(value)}\n` : text.join(''));
    },
    progress(text) {
      if (stderr.isTTY && !json) stderr.write(`${printable(text)}\n`);
    },
    message: (...lines) => void stderr.write(lines.map((line) => `${printable(line)}\n`).join('')),
  };
}

export function styled(style: Style, text: string): Styled {
  return { style, text };
}

/** Replaces control characters, and characters that change the direction of text: others choose the names that we show. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
}

/** Escapes the characters of {@link printable}, most of which JSON leaves as they are. */
function printableJson(value: object): string {
  return JSON.stringify(value, null, 2).replaceAll(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
