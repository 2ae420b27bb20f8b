import { basicCredentials, IntrospectionClient, type IntrospectionClientOptions } from '@acme/introspect-core';
import credentialVectors from '../../../packages/introspect-core/test/vectors/basic-credentials.json' with {
  type: 'json',
};
import { assert, assertEqual, rejection } from './assert.js';
import type { RuntimeCase, Settings } from './runtime-case.js';

/** With this time limit, a timer that is left behind keeps the process alive for too long. */
export const patient = { timeoutMs: 60_000, retry: { attempts: 1 } };

function clientOf({ origin }: Settings, options: Partial<IntrospectionClientOptions> = {}): IntrospectionClient {
  return new IntrospectionClient({ issuer: origin, clientId: 'api', clientSecret: 'secret', ...patient, ...options });
}

/** Returns a new token for a case. The server counts its requests, and selects its response, by token. */
export function tokenFor(response: string): string {
  return `${response}.${crypto.randomUUID()}`;
}

const failures: readonly [
  response: string,
  code: string,
  status: number,
  options?: Partial<IntrospectionClientOptions>,
][] = [
  ['refused', 'invalid_client', 503],
  ['down', 'unavailable', 503],
  ['reset', 'unavailable', 503],
  ['hang', 'unavailable', 503, { timeoutMs: 200 }],
  ['hang-in-body', 'unavailable', 503, { timeoutMs: 200 }],
  ['redirect', 'invalid_response', 503],
  ['large', 'invalid_response', 503],
  ['bomb', 'invalid_response', 503],
  ['no-utf-8', 'invalid_response', 503],
];

export const clientCases: readonly RuntimeCase[] = [
  {
    name: 'the endpoint is discovered, and the request has the form of RFC 7662',
    async run(settings) {
      const token = tokenFor('echo');
      const response = await clientOf(settings).introspect(token);
      assertEqual(response, {
        active: true,
        sub: 'mickey',
        scope: 'items:read',
        count: 1,
        sent: {
          method: 'POST',
          body: `token=${token}&token_type_hint=access_token`,
          authorization: 'Basic YXBpOnNlY3JldA==',
          type: 'application/x-www-form-urlencoded',
        },
      });
    },
  },
  ...credentialVectors.vectors.map(
    ({ id, clientId, clientSecret, authorization, expectError }): RuntimeCase => ({
      name: `Basic credentials ${expectError ? 'are rejected' : 'arrive unchanged'}: ${id}`,
      async run(settings) {
        const introspect = async () => clientOf(settings, { clientId, clientSecret }).introspect(tokenFor('echo'));
        if (clientSecret === '') {
          // The option rejects it, because most often a variable is unset; the function does not.
          assertEqual(basicCredentials(clientId, clientSecret), authorization);
          return assert((await rejection(introspect())) instanceof TypeError, 'a TypeError');
        }
        if (expectError) return assert((await rejection(introspect())) instanceof TypeError, 'a TypeError');
        const response = await introspect();
        assert(response.active, 'active');
        assertEqual(Object(response.sent).authorization, authorization);
      },
    }),
  ),
  {
    name: 'an inactive token is { active: false }',
    async run(settings) {
      assertEqual(await clientOf(settings).introspect(tokenFor('inactive')), { active: false });
    },
  },
  {
    name: 'a response in gzip is read',
    async run(settings) {
      assertEqual(await clientOf(settings).introspect(tokenFor('gzip')), { active: true, sub: 'in gzip' });
    },
  },
  {
    name: 'a response is frozen, with all that it holds',
    async run(settings) {
      const response = await clientOf(settings).introspect(tokenFor('echo'));
      assert(response.active && Object.isFrozen(response) && Object.isFrozen(response.sent), 'frozen');
    },
  },
  ...failures.map(
    ([response, code, status, options]): RuntimeCase => ({
      name: `a server that responds with "${response}" is ${code}, and the error does not reveal the token`,
      async run(settings) {
        const token = tokenFor(response);
        const error = await rejection(clientOf(settings, options).introspect(token));
        assertEqual([error.code, Object(error).status], [code, status]);
        assert(!`${error.message} ${error.stack} ${error.cause}`.includes(token), 'without the token');
      },
    }),
  ),
  {
    name: 'a busy server says how long to wait',
    async run(settings) {
      const error = await rejection(clientOf(settings).introspect(tokenFor('down')));
      assertEqual(Object(error).retryAfterSeconds, 7);
    },
  },
  {
    name: 'a server that does not exist is unavailable',
    async run(settings) {
      const error = await rejection(clientOf(settings, { issuer: 'http://127.0.0.1:1' }).introspect(tokenFor('echo')));
      assertEqual(error.code, 'unavailable');
    },
  },
  {
    name: 'an introspection request ends immediately when its caller aborts it',
    async run(settings) {
      const controller = new AbortController();
      const error = rejection(clientOf(settings).introspect(tokenFor('hang'), { signal: controller.signal }));
      const reason = new Error('gone');
      controller.abort(reason);
      assert((await error) === reason, 'the reason of the signal');
    },
  },
  {
    name: 'a failed introspection request is sent once more',
    async run(settings) {
      const client = clientOf(settings, { retry: { attempts: 2, attemptTimeoutMs: 100 } });
      assertEqual((await rejection(client.introspect(tokenFor('hang')))).code, 'unavailable');
      assertEqual(client.stats().requests.unavailable, 2);
    },
  },
];
