import { clientSecretBasic, IntrospectionClient } from '@acme/introspect-core';
import { basicCredentials, type LocalIssuer } from 'local-issuer';
import { curl, urlOf } from './curl.js';
import type { Terminal } from './terminal.js';
import {
  type ClientOf,
  discovery,
  introspection,
  introspectionEndpointOf,
  responseText,
  type Step,
  serverDown,
  type TourServer,
  wrongCredentials,
} from './tour.js';

/** Introspects, revokes and fails at the local issuer. Closes the issuer before the last step. */
export async function* localTour(local: LocalIssuer, { hide }: Terminal): AsyncGenerator<Step> {
  const { issuer, tokenEndpoint, revocationEndpoint } = local;
  const introspectionEndpoint = await introspectionEndpointOf(issuer);
  const { apiApp, serviceUsers } = local.configuration;
  const [{ username, clientSecret }] = serviceUsers;
  const server: TourServer = {
    issuer,
    introspectionEndpoint,
    downEndpoint: introspectionEndpoint,
    credentials: { authentication: clientSecretBasic(apiApp), curl: ['-u "$API"'] },
    wrongCredentials: {
      authentication: clientSecretBasic({ ...apiApp, clientSecret: `${apiApp.clientSecret}-wrong` }),
      curl: ['-u "$API-wrong"'],
    },
  };
  const clientOf: ClientOf = (clientAuthentication, endpoint) =>
    new IntrospectionClient({
      issuer,
      clientAuthentication,
      ...(endpoint !== undefined && { introspectionEndpoint: endpoint }),
    });
  const asService = {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(basicCredentials(username, clientSecret))}` },
  };

  yield discovery(server);

  const form = { grant_type: 'client_credentials', scope: local.scopesOf().join(' ') };
  const response = await responseText(tokenEndpoint, { ...asService, body: new URLSearchParams(form) });
  const token = /"access_token":"([^"]+)"/.exec(response)?.[1] ?? '';
  hide(token);
  yield {
    title: `A service user, ${username}, gets an opaque access token for the API`,
    curl: curl(urlOf(tokenEndpoint, issuer), [
      '-u "$SERVICE"',
      '-d grant_type=client_credentials',
      '--data-urlencode "scope=$SCOPE"',
    ]),
    response,
    note: 'The service user sends this request. The API does not. $TOKEN is the access_token.',
  };
  const value = [token, '$TOKEN'] as const;
  yield introspection(
    'The API introspects the token: is it active, whose is it, what is it for?',
    server,
    clientOf,
    value,
  );

  yield {
    title: 'The service user revokes the token',
    curl: curl(urlOf(revocationEndpoint, issuer), ['-u "$SERVICE"', '--data-urlencode "token=$TOKEN"']),
    response: await responseText(revocationEndpoint, { ...asService, body: new URLSearchParams({ token }) }),
    note: 'The service user sends this request too.',
  };
  yield introspection('The API introspects it again: it is inactive', server, clientOf, value);
  yield introspection('Garbage is inactive too: the server does not say why', server, clientOf, ['garbage', 'garbage']);
  yield wrongCredentials(server, clientOf, token);

  await local.close();
  yield serverDown(server, clientOf, token);
}
