import { IntrospectionClient } from '@acme/introspect-core';
import {
  discovery,
  introspectionEndpointOf,
  question,
  type Sight,
  type Stop,
  serverDown,
  wrongSecret,
} from './tour.js';

export interface ZitadelSettings {
  issuer: string;
  clientId: string;
  clientSecret: string;
  token: string;
}

const variables = {
  issuer: 'ZITADEL_ISSUER',
  clientId: 'ZITADEL_CLIENT_ID',
  clientSecret: 'ZITADEL_CLIENT_SECRET',
  token: 'ZITADEL_TOKEN',
} as const;

/** What the environment says: all four, or none (`undefined`). Some of them only are a mistake, and it is named. */
export function zitadelSettings(environment: NodeJS.ProcessEnv): ZitadelSettings | undefined {
  const names = Object.values(variables);
  const missing = names.filter((name) => !environment[name]);
  if (missing.length === names.length) return undefined;
  if (missing.length > 0) {
    throw new Error(`To ask your own ZITADEL, set ${missing.join(' and ')} too (all of ${names.join(', ')}).`);
  }
  const read = (name: string) => environment[name] ?? '';
  return {
    issuer: read(variables.issuer),
    clientId: read(variables.clientId),
    clientSecret: read(variables.clientSecret),
    token: read(variables.token),
  };
}

/**
 * The same tour against a server of the reader's, about a token of the reader's. It mints and revokes nothing there.
 *
 * @throws when the server has no metadata: there is nothing to see then
 */
export async function* zitadelTour(
  { token, ...settings }: ZitadelSettings,
  downEndpoint: string,
): AsyncGenerator<Stop> {
  const { issuer, clientId, clientSecret } = settings;
  const client = new IntrospectionClient(settings);
  const sight: Sight = {
    issuer,
    introspectionEndpoint: await introspectionEndpointOf(issuer),
    downEndpoint,
    api: { id: clientId, secret: clientSecret },
    clientOf: (changes) => (changes === undefined ? client : new IntrospectionClient({ ...settings, ...changes })),
  };
  yield discovery(sight);
  yield question('The API asks about your token', sight, token);
  yield question('Garbage: just inactive, and the server does not say why', sight, 'garbage');
  yield wrongSecret(sight, token);
  yield serverDown(sight, token);
}
