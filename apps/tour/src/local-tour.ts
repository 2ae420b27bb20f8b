import { IntrospectionClient } from '@acme/introspect-core';
import type { LocalIssuer } from 'local-issuer';
import { curl } from './curl.js';
import {
  discovery,
  introspectionEndpointOf,
  question,
  type Sight,
  type Stop,
  serverDown,
  wrongSecret,
} from './tour.js';

/** The tour against the local issuer, which it closes at the last stop. */
export async function* localTour(local: LocalIssuer): AsyncGenerator<Stop> {
  const { issuer, tokenEndpoint, revocationEndpoint } = local;
  const introspectionEndpoint = await introspectionEndpointOf(issuer);
  const { apiApp, serviceUsers } = local.configuration;
  const [serviceUser] = serviceUsers;
  const user = { id: serviceUser.username, secret: serviceUser.clientSecret };
  const client = new IntrospectionClient({ issuer, ...apiApp });
  const sight: Sight = {
    issuer,
    introspectionEndpoint,
    downEndpoint: introspectionEndpoint,
    api: { id: apiApp.clientId, secret: apiApp.clientSecret },
    clientOf: (changes) =>
      changes === undefined ? client : new IntrospectionClient({ issuer, ...apiApp, ...changes }),
  };

  yield discovery(sight);

  const token = await local.mintAccessToken();
  yield {
    title: `A service user, ${serviceUser.username}, gets an opaque access token for the API`,
    curl: curl(tokenEndpoint, { user, form: { grant_type: 'client_credentials', scope: local.scopesOf().join(' ') } }),
    code: '(the work of a client of the API, not of the API)',
    outcome: { returned: { access_token: token } },
  };
  yield question('The API asks about it: active, and by whom, for whom, for what', sight, token);

  await local.revoke(token);
  yield {
    title: 'The service user revokes it',
    curl: curl(revocationEndpoint, { user, form: { token } }),
    code: '(again not of the API)',
    outcome: { returned: undefined },
  };
  yield question('The API asks again: an opaque token can be taken back', sight, token);
  yield question('Garbage: just as inactive, and the server does not say why', sight, 'garbage');
  yield wrongSecret(sight, token);

  await local.close();
  yield serverDown(sight, token);
}
