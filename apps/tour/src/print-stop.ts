import { inspect } from 'node:util';
import {
  type AuthorizationError,
  type IntrospectionError,
  isAuthorizationError,
  isIntrospectionError,
} from '@acme/introspect-core';
import type { Outcome, Stop } from './tour.js';

export interface Terminal {
  colors: boolean;
  write(text: string): void;
}

/** Prints one stop: what it shows, the curl, the code and what came of it. */
export function printStop(number: number, { title, curl, code, outcome }: Stop, terminal: Terminal): void {
  const { bold, dim } = styles(terminal);
  terminal.write(`\n${bold(`${number}. ${title}`)}\n\n`);
  terminal.write(`   ${dim('$')} ${dim(curl)}\n\n   ${code}\n`);
  terminal.write(`${indented(outcomeText(outcome, terminal))}\n`);
}

export function styles({ colors }: Terminal) {
  const style = (codes: readonly [number, number]) => (text: string) =>
    colors ? `\u001b[${codes[0]}m${text}\u001b[${codes[1]}m` : text;
  return { bold: style([1, 22]), dim: style([2, 22]), green: style([32, 39]), red: style([31, 39]) };
}

function outcomeText(outcome: Outcome, terminal: Terminal): string {
  const { green, red } = styles(terminal);
  if ('returned' in outcome) {
    if (outcome.returned === undefined) return green('→ done');
    return `${green('→')} ${inspect(outcome.returned, { colors: terminal.colors, depth: 4, breakLength: 100 })}`;
  }
  const { name, message } = outcome.threw;
  return `${red(`→ throws ${name}`)}: ${message}\n${isAnswered(outcome.threw) ? answerText(outcome.threw) : ''}`;
}

function isAnswered(error: Error): error is Error & (AuthorizationError | IntrospectionError) {
  return isAuthorizationError(error) || isIntrospectionError(error);
}

/** What the API would answer to its own caller. */
function answerText({ code, status, body }: AuthorizationError | IntrospectionError): string {
  return `  code ${code}; the API answers its caller ${status} ${JSON.stringify(body)}`;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '   ');
}
