import { IntrospectionClient, isIntrospectionError } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { checkedOptions } from '../../checked-options.js';
import type { Settings } from '../../terminal/settings.js';
import { type AuthorizationServer, clientOptions } from '../../zitadel/authorization-server.js';

/** What the API of the settings sees of a new token. */
export type Granted =
  | { readonly state: 'active'; readonly scope: string }
  | { readonly state: 'inactive' }
  /** There was no introspection, for this reason. */
  | { readonly state: 'unknown'; readonly reason: string };

/**
 * Introspects a new token: ZITADEL's token response does not say which scopes were granted. Uses the API's credentials if
 * the environment or the file of `--env` contains them, and never prompts for them.
 */
export async function grantedScopes(
  token: string,
  { settings, server, projectId }: { settings: Settings; server: AuthorizationServer; projectId: string },
): Promise<Granted> {
  const apiProject = settings.text(undefined, 'ZITADEL_PROJECT_ID');
  if (apiProject !== undefined && apiProject !== projectId) {
    return { state: 'unknown', reason: 'the API of ZITADEL_CLIENT_ID belongs to another project' };
  }
  const keyFile = settings.text(undefined, 'ZITADEL_KEY_FILE');
  const clientId = settings.text(undefined, 'ZITADEL_CLIENT_ID');
  const clientSecret = settings.text(undefined, 'ZITADEL_CLIENT_SECRET');
  if (keyFile === undefined && (clientId === undefined || clientSecret === undefined)) {
    return {
      state: 'unknown',
      reason: "the API's credentials (ZITADEL_CLIENT_ID and ZITADEL_CLIENT_SECRET) are not set",
    };
  }
  const key = keyFile === undefined ? undefined : settings.readFile(keyFile, 'The key file (ZITADEL_KEY_FILE)');
  const client = checkedOptions(() => {
    const credentials =
      key === undefined
        ? { clientId: clientId ?? '', clientSecret: clientSecret ?? '' }
        : { clientAuthentication: privateKeyJwt({ keyJson: key }) };
    // Without a listener the client prints some events, which the reason already reports.
    return new IntrospectionClient({ ...clientOptions(server), ...credentials, onEvent: () => {} });
  });
  try {
    const response = await client.introspect(token);
    return response.active ? { state: 'active', scope: response.scope ?? '' } : { state: 'inactive' };
  } catch (error) {
    if (isIntrospectionError(error)) return { state: 'unknown', reason: `introspection failed: ${error.message}` };
    throw error;
  }
}
