import type { Command } from '../../command.js';
import { type CommonFlags, connectionOf, withCommonFlags } from '../../connection.js';
import { type ExitCode, exitCodes, usage } from '../../failure.js';
import { discover } from '../../zitadel/authorization-server.js';
import { audienceScope, isProjectId, requestToken, type TokenResponse } from '../../zitadel/client-credentials.js';
import { grantedScopes } from './granted-scopes.js';

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
    variables: {
      ZITADEL_SERVICE_USER_SECRET: 'Secret of the service user; otherwise from a prompt or stdin',
      ZITADEL_CLIENT_ID: 'Client id of an API of the project, to check the granted scopes',
      ZITADEL_CLIENT_SECRET: 'Client secret of that API, or set ZITADEL_KEY_FILE to its key file',
    },
    examples: ['introspect get-token --env .env', 'introspect get-token --env .env --scope email'],
  },

  async run(flags, { settings, output }): Promise<ExitCode> {
    const connection = connectionOf(settings, flags);
    const projectId = settings.text(flags.projectId, 'ZITADEL_PROJECT_ID');
    if (projectId === undefined) {
      throw usage(
        'The project is missing: without its scope, the token would be inactive for every API',
        `Set --project-id or ZITADEL_PROJECT_ID, for the scope ${audienceScope('<project id>')}.`,
      );
    }
    if (!isProjectId(projectId)) {
      throw usage(
        'The project id (--project-id, ZITADEL_PROJECT_ID) cannot be part of a scope',
        'Copy the id of the project from the console: it has no spaces, quotes or colons.',
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
    const server = await discover(connection);
    const scopes = ['openid', 'profile', audienceScope(projectId), ...(flags.scope ?? [])];
    const requested = [...new Set(scopes.flatMap((scope) => scope.split(' ')))];
    const token = await requestToken(server.endpoint('token_endpoint'), { name, secret }, { scopes, headers });
    const granted = await grantedScopes(token.access_token, { settings, server, projectId });
    const type = `${token.token_type} token, ${expiryOf(token)}`;
    const request = { requested_scope: requested.join(' ') };
    if (granted.state === 'unknown') {
      output.result({ ...token, ...request }, [token.access_token]);
      output.progress(`${type}requested scope ${requested.join(' ')}`);
      output.progress(`The granted scopes are unknown: ${granted.reason}.`);
      return exitCodes.done;
    }
    if (granted.state === 'inactive') {
      output.result({ ...token, ...request, active: false }, [token.access_token]);
      if (!output.json) output.message(`${type}inactive for the API of ZITADEL_CLIENT_ID`, wrongProject(projectId));
      return exitCodes.no;
    }
    const has = new Set(granted.scope.split(' '));
    const dropped = requested.filter((scope) => !has.has(scope));
    const refusal = dropped.length > 0 && { dropped_scope: dropped.join(' ') };
    output.result({ ...token, scope: granted.scope, ...refusal }, [token.access_token]);
    output.progress(`${type}scope ${granted.scope}`);
    if (refusal && !output.json) {
      output.message(
        `The server did not grant: ${dropped.join(' ')}`,
        'ZITADEL grants no scopes of your own: give the user a role instead, and require it with anyRole.',
      );
    }
    return exitCodes.done;
  },
};

function wrongProject(projectId: string): string {
  return `Check the project id ${projectId}: it must be the project of that API. The server issues tokens for ids that do not exist, too.`;
}

/** Returns an empty text if the server does not say it, or if no date can represent it. */
function expiryOf({ expires_in: seconds }: TokenResponse): string {
  const date = new Date(Date.now() + (seconds ?? Number.NaN) * 1000);
  return Number.isNaN(date.getTime()) ? '' : `until ${date.toLocaleString()}, `;
}
