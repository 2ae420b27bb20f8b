import {
  IntrospectionClient,
  type IntrospectionResponse,
  ofetchTransport,
  type Transport,
} from '@acme/introspect-core';
import { apiClientOptions } from '../../api-client-options.js';
import { type ApiFlags, apiLocationOf, withApiFlags } from '../../api-location.js';
import { checkedOptions } from '../../checked-options.js';
import { credentialsOf } from '../../client-authentication.js';
import type { Command, Context } from '../../command.js';
import { type ExitCode, exitCodes } from '../../failure.js';
import { styled } from '../../terminal/output.js';
import { variables } from '../../variables.js';
import { connectedUrl } from '../../zitadel/authorization-server.js';
import { isZitadel } from '../../zitadel/is-zitadel.js';
import { explanationOf, type InactiveToken } from './inactive-explanation.js';
import { curlOf } from './token-curl.js';
import { kindWarning } from './token-kind.js';
import { tokenTable } from './token-table.js';

interface TokenFlags extends ApiFlags {
  curl?: true;
}

/** Without a listener the client prints some events, which the command already reports. */
const onEvent = () => {};

/** `introspect token`: introspects a token as the API does, and shows the response. */
export const tokenCommand: Command<TokenFlags> = {
  define: (command) =>
    withApiFlags(
      command.name('token').description('Introspect a token, from INTROSPECT_TOKEN, a prompt or stdin'),
    ).option('--curl', 'Print the request as a curl command without sending it'),

  help: {
    variables: {
      INTROSPECT_CLIENT_SECRET: 'Client secret of the API; otherwise from a prompt or stdin',
      INTROSPECT_BEARER_TOKEN: 'Bearer token of the API, for --auth bearer',
      INTROSPECT_TOKEN: 'The token; otherwise from a prompt or stdin, on the line after a secret',
      ZITADEL_CLIENT_SECRET: 'Read if INTROSPECT_CLIENT_SECRET is not set',
      ZITADEL_TOKEN: 'Read if INTROSPECT_TOKEN is not set',
    },
    examples: [
      'introspect token --env .env',
      'introspect get-token --env .env | introspect token --env .env --json',
      'introspect token --introspection-endpoint https://as.example/introspect --auth none',
    ],
  },

  async run(flags, context): Promise<ExitCode> {
    const { settings, output } = context;
    if (flags.curl) {
      const curl = await curlOf(settings, flags, output);
      output.result({ curl }, curl.split('\n'));
      return exitCodes.done;
    }
    const location = apiLocationOf(settings, flags);
    const credentials = await credentialsOf(settings, flags);
    const options = await apiClientOptions(location);
    let endpoint = '';
    const transport: Transport = (request) => {
      if (request.method === 'POST') endpoint = request.url;
      return ofetchTransport(request);
    };
    const client = checkedOptions(() => new IntrospectionClient({ ...options, ...credentials, transport, onEvent }));
    const token = await settings.secret(variables.token, 'The token');
    output.progress(`Introspecting at ${location.endpoint ?? location.connection?.address} …`);
    const response = await client.introspect(token);
    const ofZitadel = isZitadel(endpoint, location.instanceHost);
    if (response.active) {
      output.result(response, tokenTable(response, Date.now() / 1000));
      const warning = kindWarning(token, response, ofZitadel);
      if (warning !== undefined) output.message(...(output.json ? [] : ['']), `Warning: ${warning}`);
      return exitCodes.done;
    }
    const clientId = credentials.clientId ?? credentials.clientAuthentication?.clientId ?? '';
    const { issuer } = options;
    const address = location.connection?.address ?? issuer;
    // Requests for the issuer go to the address to which we connect.
    const toAddress: Transport = (request) =>
      ofetchTransport(
        issuer === undefined || address === undefined
          ? request
          : { ...request, url: connectedUrl(request.url, { issuer, address }) },
      );
    const { headers, metadataUrl, instanceHost } = location;
    const projectId = settings.text(flags.projectId, 'ZITADEL_PROJECT_ID');
    const seen = { token, clientId, issuer, projectId, headers, metadataUrl, transport: toAddress };
    await showInactive(response, { ...seen, endpoint, instanceHost }, context);
    return exitCodes.no;
  },
};

async function showInactive(
  response: IntrospectionResponse,
  seen: InactiveToken,
  { output }: Pick<Context, 'output'>,
): Promise<void> {
  const explanation = seen.issuer === undefined ? { cause: 'unknown', ...withoutIssuer } : await explanationOf(seen);
  const { message, advice } = explanation;
  const lines = [[styled('red', 'inactive')], '', message, ...(advice === undefined ? [] : [advice])];
  output.result({ ...response, explanation }, lines);
}

const withoutIssuer = {
  message: 'Without the issuer, the token cannot be explained.',
  advice: 'Set --issuer or INTROSPECT_ISSUER too.',
};
