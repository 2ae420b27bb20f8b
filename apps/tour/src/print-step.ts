import { inspect } from 'node:util';
import {
  type AuthorizationError,
  type IntrospectionError,
  isAuthorizationError,
  isIntrospectionError,
} from '@acme/introspect-core';
import { styles, type Terminal } from './terminal.js';
import type { Outcome, Step } from './tour.js';

/** Prints one step: its title, the curl command with the response, and the code with its outcome. */
export function printStep(number: number, { title, curl, response, sdk, note }: Step, terminal: Terminal): void {
  const { bold, dim } = styles(terminal);
  terminal.write(`\n${bold(`${number}. ${title}`)}\n\n`);
  terminal.write(`   ${dim('$')} ${curl.split('\n').map(dim).join('\n')}\n`);
  terminal.writeLine(response);
  if (note !== undefined) terminal.write(`\n   (${note})\n`);
  if (sdk !== undefined) terminal.write(`\n   ${sdk.code}\n${indented(outcomeText(sdk.outcome, terminal))}\n`);
}

function outcomeText(outcome: Outcome, terminal: Terminal): string {
  const { green, red } = styles(terminal);
  if ('returned' in outcome) return `${green('→')} ${inspect(outcome.returned, { depth: 4, breakLength: 95 })}`;
  const { name, message } = outcome.threw;
  return `${red(`→ throws ${name}`)}: ${message}\n${hasResponse(outcome.threw) ? callerResponse(outcome.threw) : ''}`;
}

function hasResponse(error: Error): error is Error & (AuthorizationError | IntrospectionError) {
  return isAuthorizationError(error) || isIntrospectionError(error);
}

/** What the API sends to its own caller. */
function callerResponse({ code, status, body }: AuthorizationError | IntrospectionError): string {
  return `  code ${code}; the API sends its caller ${status} ${JSON.stringify(body)}`;
}

function indented(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '   ');
}
