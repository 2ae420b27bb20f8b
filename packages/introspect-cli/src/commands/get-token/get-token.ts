import type { Command } from '../../command.js';
import { type CommonFlags, connectionOf, withCommonFlags } from '../../connection.js';
import { exitCodes, usage } from '../../failure.js';
import { discover } from '../../zitadel/authorization-server.js';
import { audienceScope, requestToken, type TokenResponse } from '../../zitadel/client-credentials.js';

interface GetTokenFlags extends CommonFlags {
  projectId?: string;
  serviceUser?: string;
  scope?: readonly string[];
}

/** `introspect get-token`: gets a service user's token that the project's APIs accept, and prints only the token. */
export const getTokenCommand: Command<GetTokenFlags> = {
  define: (command) =>
    withCommonFlags(command.name('get-token').description('Get an access token of the service user, and print it'))
      .option('--project-id <id>', 'Project id of the APIs that the token is for (ZITADEL_PROJECT_ID)')
      .option('--service-user <name>', 'User name of the service user (ZITADEL_SERVICE_USER)')
      .option(
        '--scope <scope>',
        'Additional scope; can be repeated',
        (scope: string, others: readonly string[] = []) => [...others, scope],
      ),

  help: {
    variables: { ZITADEL_SERVICE_USER_SECRET: 'Secret of the service user; otherwise from a prompt or stdin' },
    examples: ['introspect get-token --env .env', 'introspect get-token --env .env --scope email'],
  },

  async run(flags, { settings, output }) {
    const connection = connectionOf(settings, flags);
    const projectId = settings.text(flags.projectId, 'ZITADEL_PROJECT_ID');
    if (projectId === undefined) {
      throw usage(
        'The project is missing: without its scope, the token would be inactive for every API',
        `Set --project-id or ZITADEL_PROJECT_ID, for the scope ${audienceScope('<project id>')}.`,
      );
    }
    const name = settings.required(
      flags.serviceUser,
      '--service-user',
      'ZITADEL_SERVICE_USER',
      "The service user's name",
    );
    const secret = await settings.secret('ZITADEL_SERVICE_USER_SECRET', "The service user's secret");
    const { headers } = connection;
    const tokenEndpoint = (await discover(connection)).endpoint('token_endpoint');
    const scopes = ['openid', 'profile', audienceScope(projectId), ...(flags.scope ?? [])];
    const token = await requestToken(tokenEndpoint, { name, secret }, { scopes, headers });
    output.result(token, [token.access_token]);
    output.progress(`${token.token_type} token, ${expiryOf(token)}scope ${token.scope}`);
    return exitCodes.done;
  },
};

/** Returns an empty text if the server does not say it, or if no date can represent it. */
function expiryOf({ expires_in: seconds }: TokenResponse): string {
  const date = new Date(Date.now() + (seconds ?? Number.NaN) * 1000);
  return Number.isNaN(date.getTime()) ? '' : `until ${date.toLocaleString()}, `;
}
