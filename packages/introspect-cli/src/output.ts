import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where a command writes: what was asked for to stdout, all else to stderr. */
export interface Output {
  /** One JSON value instead of text: nothing else is written to stdout then. */
  readonly json: boolean;
  /** What the command was run for, once: the value with `--json`, else the text. */
  result(value: object, text: string): void;
  /** What is being done, for someone who watches: only at a terminal, and not with `--json`. */
  progress(text: string): void;
  /** What is worth knowing besides. */
  note(text: string): void;
  /** Colours a piece of a result, where colours are wanted. */
  style(style: Style, text: string): string;
}

/** `NO_COLOR` turns colours off, and `FORCE_COLOR` on where there is no terminal. */
export function outputOf(json: boolean, environment: NodeJS.ProcessEnv): Output {
  const colors = !environment.NO_COLOR && (Boolean(environment.FORCE_COLOR) || process.stdout.isTTY === true);
  return {
    json,
    result: (value, text) => void process.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n`),
    progress: (text) => {
      if (process.stderr.isTTY && !json) process.stderr.write(`${text}\n`);
    },
    note: (text) => void process.stderr.write(`${text}\n`),
    style: (style, text) => (colors && !json ? styleText(style, text, { validateStream: false }) : text),
  };
}
