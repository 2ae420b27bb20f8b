import { IntrospectionClient, type IntrospectionResponse } from '@acme/introspect-core';
import { explainInactive } from '@acme/introspect-core/zitadel/explain';
import type { Command } from 'commander';
import { checkedOptions } from './checked-options.js';
import { type ApiFlags, credentialsOf, headersOf, issuerOf, withApiFlags } from './connection.js';
import { type ExitCode, exitCodes } from './failure.js';
import { styled } from './output.js';
import type { CommandOf, Context } from './program.js';
import { curlOf } from './token-curl.js';
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

  async run(flags, context): Promise<ExitCode> {
    const { settings, output } = context;
    if (flags.curl) {
      const curl = await curlOf(settings, flags, output);
      output.result({ curl }, curl.split('\n'));
      return exitCodes.done;
    }
    const issuer = issuerOf(settings, flags);
    const credentials = await credentialsOf(settings, flags);
    const headers = headersOf(settings, flags);
    const client = checkedOptions(() => new IntrospectionClient({ issuer, headers, ...credentials }));
    const token = await settings.secret('ZITADEL_TOKEN', 'The token');
    output.progress(`Asking ${issuer} …`);
    const answer = await client.introspect(token);
    if (answer.active) {
      output.result(answer, answerTable(answer, Date.now() / 1000));
      return exitCodes.done;
    }
    const clientId = credentials.clientId ?? credentials.clientAuthentication?.clientId ?? '';
    await showInactive(answer, { token, clientId }, flags, context);
    return exitCodes.no;
  },
};

async function showInactive(
  answer: IntrospectionResponse,
  { token, clientId }: { token: string; clientId: string },
  flags: TokenFlags,
  { settings, output }: Context,
): Promise<void> {
  const explanation = await explainInactive(token, {
    issuer: issuerOf(settings, flags),
    clientId,
    projectId: settings.text(flags.projectId, 'ZITADEL_PROJECT_ID'),
    headers: headersOf(settings, flags),
  });
  const { message, advice } = explanation;
  const lines = [[styled('red', 'inactive')], '', message, ...(advice === undefined ? [] : [advice])];
  output.result({ ...answer, explanation }, lines);
}
