import {
  IntrospectionClient,
  type IntrospectionResponse,
  ofetchTransport,
  type Transport,
} from '@acme/introspect-core';
import { explainInactive } from '@acme/introspect-core/zitadel/explain';
import { checkedOptions } from '../../checked-options.js';
import type { Command, Context } from '../../command.js';
import { type ApiFlags, type Connection, connectionOf, credentialsOf, withApiFlags } from '../../connection.js';
import { type ExitCode, exitCodes } from '../../failure.js';
import { styled } from '../../terminal/output.js';
import { clientOptionsOf, connectedUrl } from '../../zitadel/authorization-server.js';
import { curlOf } from './token-curl.js';
import { tokenTable } from './token-table.js';

interface TokenFlags extends ApiFlags {
  curl?: true;
}

/** Without a listener the client prints some events, which the command already reports. */
const onEvent = () => {};

/** `introspect token`: introspects a token as the API does, and shows the response. */
export const tokenCommand: Command<TokenFlags> = {
  define: (command) =>
    withApiFlags(command.name('token').description('Introspect a token, from ZITADEL_TOKEN, a prompt or stdin')).option(
      '--curl',
      'Print the request as a curl command without sending it',
    ),

  help: {
    variables: {
      ZITADEL_CLIENT_SECRET: 'Client secret of the API; otherwise from a prompt or stdin',
      ZITADEL_TOKEN: 'The token; otherwise from a prompt or stdin',
    },
    examples: ['introspect token --env .env', 'introspect get-token --env .env | introspect token --env .env --json'],
  },

  async run(flags, context): Promise<ExitCode> {
    const { settings, output } = context;
    if (flags.curl) {
      const curl = await curlOf(settings, flags, output);
      output.result({ curl }, curl.split('\n'));
      return exitCodes.done;
    }
    const connection = connectionOf(settings, flags);
    const credentials = await credentialsOf(settings, flags);
    const options = await clientOptionsOf(connection);
    const client = checkedOptions(() => new IntrospectionClient({ ...options, ...credentials, onEvent }));
    const token = await settings.secret('ZITADEL_TOKEN', 'The token');
    output.progress(`Introspecting at ${connection.address} …`);
    const response = await client.introspect(token);
    if (response.active) {
      output.result(response, tokenTable(response, Date.now() / 1000));
      return exitCodes.done;
    }
    const clientId = credentials.clientId ?? credentials.clientAuthentication?.clientId ?? '';
    const { issuer } = options;
    await showInactive(response, { token, clientId, connection: { ...connection, issuer } }, flags, context);
    return exitCodes.no;
  },
};

/** Sends requests for the issuer to the address to which we connect. */
function transportTo(connection: Connection): Transport {
  return (request) => ofetchTransport({ ...request, url: connectedUrl(request.url, connection) });
}

async function showInactive(
  response: IntrospectionResponse,
  { token, clientId, connection }: { token: string; clientId: string; connection: Connection },
  flags: TokenFlags,
  { settings, output }: Context,
): Promise<void> {
  const { issuer, headers } = connection;
  const projectId = settings.text(flags.projectId, 'ZITADEL_PROJECT_ID');
  const transport = transportTo(connection);
  const explanation = await explainInactive(token, { issuer, clientId, projectId, headers, transport });
  const { message, advice } = explanation;
  const lines = [[styled('red', 'inactive')], '', message, ...(advice === undefined ? [] : [advice])];
  output.result({ ...response, explanation }, lines);
}
