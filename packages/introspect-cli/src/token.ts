import { IntrospectionClient } from '@acme/introspect-core';
import type { Command } from 'commander';
import { type ApiFlags, credentialsOf, headersOf, issuerOf, withApiFlags } from './connection.js';
import { type ExitCode, exitCodes } from './failure.js';
import type { CommandOf } from './program.js';
import { answerTable } from './token-table.js';

interface TokenFlags extends ApiFlags {
  curl?: true;
}

/** `introspect token`: asks about a token as the API does, and shows the answer. */
export const tokenCommand: CommandOf<TokenFlags> = {
  define: (command: Command) =>
    withApiFlags(
      command.name('token').description('introspects a token, from ZITADEL_TOKEN, a prompt or stdin'),
    ).option('--curl', 'prints the equal request as a curl command, and asks nothing'),

  async run(flags, { settings, output }): Promise<ExitCode> {
    const issuer = issuerOf(settings, flags);
    const client = new IntrospectionClient({
      issuer,
      headers: headersOf(settings, flags),
      ...(await credentialsOf(settings, flags)),
    });
    const token = await settings.secret('ZITADEL_TOKEN', 'The token');
    const answer = await client.introspect(token);
    output.result(answer, answerTable(answer, output, Date.now()));
    return answer.active ? exitCodes.done : exitCodes.no;
  },
};
