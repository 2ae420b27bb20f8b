import { basicCredentials, IntrospectionClient, type IntrospectionClientOptions } from '@acme/introspect-core';
import credentialVectors from '../../../packages/introspect-core/test/vectors/basic-credentials.json' with {
  type: 'json',
};
import { assert, assertEqual, rejection } from './assert.js';
import type { RuntimeCase, Settings } from './runtime-case.js';

/** The time limit is such that a timer which is left behind keeps the process from ending in time. */
export const patient = { timeoutMs: 60_000, retry: { attempts: 1 } };

function clientOf({ origin }: Settings, options: Partial<IntrospectionClientOptions> = {}): IntrospectionClient {
  return new IntrospectionClient({ issuer: origin, clientId: 'api', clientSecret: 'secret', ...patient, ...options });
}

/** A token of its own for each case: the server counts, and answers, by token. */
export function tokenFor(answer: string): string {
  return `${answer}.${crypto.randomUUID()}`;
}

const failures: readonly [
  answer: string,
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
    name: 'the endpoint is discovered, and a token asked about as RFC 7662 says',
    async run(settings) {
      const token = tokenFor('echo');
      const answer = await clientOf(settings).introspect(token);
      assertEqual(answer, {
        active: true,
        sub: 'mickey',
        scope: 'items:read',
        asked: 1,
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
      name: `Basic credentials ${expectError ? 'are refused' : 'arrive to the byte'}: ${id}`,
      async run(settings) {
        const ask = async () => clientOf(settings, { clientId, clientSecret }).introspect(tokenFor('echo'));
        if (clientSecret === '') {
          // The option rejects it, because most often a variable is unset; the function does not.
          assertEqual(basicCredentials(clientId, clientSecret), authorization);
          return assert((await rejection(ask())) instanceof TypeError, 'a TypeError');
        }
        if (expectError) return assert((await rejection(ask())) instanceof TypeError, 'a TypeError');
        const answer = await ask();
        assert(answer.active, 'active');
        assertEqual(Object(answer.sent).authorization, authorization);
      },
    }),
  ),
  {
    name: 'an inactive token is inactive, and nothing else',
    async run(settings) {
      assertEqual(await clientOf(settings).introspect(tokenFor('inactive')), { active: false });
    },
  },
  {
    name: 'an answer in gzip is read',
    async run(settings) {
      assertEqual(await clientOf(settings).introspect(tokenFor('gzip')), { active: true, sub: 'in gzip' });
    },
  },
  {
    name: 'an answer is frozen, in its depth too',
    async run(settings) {
      const answer = await clientOf(settings).introspect(tokenFor('echo'));
      assert(answer.active && Object.isFrozen(answer) && Object.isFrozen(answer.sent), 'frozen');
    },
  },
  ...failures.map(
    ([answer, code, status, options]): RuntimeCase => ({
      name: `a server that does "${answer}" is ${code}, and the token is not told`,
      async run(settings) {
        const token = tokenFor(answer);
        const error = await rejection(clientOf(settings, options).introspect(token));
        assertEqual([error.code, Object(error).status], [code, status]);
        assert(!`${error.message} ${error.stack} ${error.cause}`.includes(token), 'without the token');
      },
    }),
  ),
  {
    name: 'a server that is busy says for how long',
    async run(settings) {
      const error = await rejection(clientOf(settings).introspect(tokenFor('down')));
      assertEqual(Object(error).retryAfterSeconds, 7);
    },
  },
  {
    name: 'a server that is not there is unavailable',
    async run(settings) {
      const error = await rejection(clientOf(settings, { issuer: 'http://127.0.0.1:1' }).introspect(tokenFor('echo')));
      assertEqual(error.code, 'unavailable');
    },
  },
  {
    name: 'an introspection request ends immediately when its caller aborts it',
    async run(settings) {
      const controller = new AbortController();
      const answer = rejection(clientOf(settings).introspect(tokenFor('hang'), { signal: controller.signal }));
      const reason = new Error('gone');
      controller.abort(reason);
      assert((await answer) === reason, 'the reason of the signal');
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
