import {
  active,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
  zitadelAnswers,
} from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Authorizer,
  type ClientAuthentication,
  clientSecretBasic,
  clientSecretPost,
  type IntrospectEvent,
  IntrospectionClient,
  type IntrospectionClientOptions,
  InvalidClientError,
} from '../../src/index.js';

let server: ScriptedServer;
let events: IntrospectEvent[];
beforeEach(async () => {
  server = await startScriptedServer();
  server.tokens.set('good', { sub: 'mickey' });
  events = [];
});
afterEach(() => server.close());

const clientWith = (
  clientAuthentication: ClientAuthentication,
  options: Partial<IntrospectionClientOptions> = {},
): IntrospectionClient =>
  new IntrospectionClient({
    introspectionEndpoint: server.introspectionEndpoint,
    clientAuthentication,
    onEvent: (event) => events.push(event),
    ...options,
  });
const basic = (clientSecret: string | (() => string | Promise<string>)) =>
  clientSecretBasic({ clientId: 'api', clientSecret });
const refusals = () => events.filter(({ type }) => type === 'credentials_refused');

/** Answers by the secret in the form, as a server that knows `client_secret_post`. */
const byForm: ScriptedResponse = (response, request) =>
  (request.form.get('client_secret') === 'secret' ? active() : zitadelAnswers.invalidClient())(response, request);

describe('a fixed secret that is wrong', () => {
  it.each([
    ['in the header field', basic('wrong')],
    ['in the form', clientSecretPost({ clientId: 'api', clientSecret: 'wrong' })],
  ])('%s is sent once for a question', async (_, authentication) => {
    server.always(zitadelAnswers.invalidClient());
    await expect(clientWith(authentication).introspect('good')).rejects.toBeInstanceOf(InvalidClientError);
    expect(server.introspections).toHaveLength(1);
    expect(refusals()).toEqual([{ type: 'credentials_refused', origin: server.origin }]);
  });

  it('is 503 for the caller, and what ready() throws', async () => {
    const authorizer = new Authorizer({ client: clientWith(basic('wrong')) });
    await expect(authorizer.ready()).rejects.toMatchObject({ code: 'invalid_client', status: 503 });
    await expect(authorizer.authorize('Bearer good')).rejects.toMatchObject({ code: 'invalid_client', status: 503 });
    expect(refusals()).toHaveLength(2);
  });

  it('is not hammered on: of a hundred requests in one second, ten ask', async () => {
    const authorizer = new Authorizer({ client: clientWith(basic('wrong'), { monotonicNow: () => 0 }) });
    for (let i = 0; i < 100; i++) {
      await expect(authorizer.authorize(`Bearer ${i}`)).rejects.toMatchObject({ code: 'invalid_client', status: 503 });
    }
    expect(server.introspections).toHaveLength(10);
  });
});

describe('a secret function', () => {
  it.each([
    ['in the header field', basic, undefined],
    ['in the form', (clientSecret: () => string) => clientSecretPost({ clientId: 'api', clientSecret }), byForm],
  ] as const)('is called again after a refusal, and its new secret is used at once: %s', async (_, made, answer) => {
    if (answer !== undefined) server.always(answer);
    const secrets = ['old', 'secret', 'secret'];
    const client = clientWith(made(() => String(secrets.shift())));
    await expect(client.introspect('good')).resolves.toHaveProperty('active', true);
    expect(server.introspections).toHaveLength(2);
    await client.introspect('good');
    expect([server.introspections.length, secrets]).toEqual([3, []]);
  });

  it.each([
    ['in the header field', basic],
    ['in the form', (clientSecret: () => string) => clientSecretPost({ clientId: 'api', clientSecret })],
  ])('that gives the same secret again is called once more, and that is not sent: %s', async (_, made) => {
    server.always(zitadelAnswers.invalidClient());
    let calls = 0;
    const client = clientWith(made(() => `wrong${++calls && ''}`));
    await expect(client.introspect('good')).rejects.toBeInstanceOf(InvalidClientError);
    expect([calls, server.introspections.length]).toEqual([2, 1]);
  });

  it('is asked again once in a question, however often it changes its mind', async () => {
    let calls = 0;
    const client = clientWith(basic(() => `wrong-${++calls}`));
    await expect(client.introspect('good')).rejects.toBeInstanceOf(InvalidClientError);
    expect([calls, server.introspections.length]).toEqual([2, 2]);
    expect(refusals()).toHaveLength(1);
  });

  it('that fails when it is asked again is why the question fails', async () => {
    let calls = 0;
    const client = clientWith(basic(() => (++calls === 1 ? 'wrong' : Promise.reject(new Error('vault')))));
    await expect(client.introspect('good')).rejects.toThrow("Could not get this API's own credentials");
    expect(server.introspections).toHaveLength(1);
  });

  it('that hangs when it is asked again is waited for no longer than the deadline', async () => {
    let calls = 0;
    const client = clientWith(
      basic(() => (++calls === 1 ? 'wrong' : new Promise(() => {}))),
      { timeoutMs: 500, retry: { attempts: 1 } },
    );
    await expect(client.introspect('good')).rejects.toBeInstanceOf(InvalidClientError);
  });

  it('whose caller has gone meanwhile leaves it at that', async () => {
    const controller = new AbortController();
    let calls = 0;
    const client = clientWith(
      basic(() => {
        if (++calls === 1) return 'wrong';
        controller.abort('gone');
        return 'secret';
      }),
    );
    await expect(client.introspect('good', { signal: controller.signal })).rejects.toBe('gone');
    expect(server.introspections).toHaveLength(1);
  });
});

it('tells a client authentication when it is asked again', async () => {
  const told: boolean[] = [];
  const client = clientWith({
    clientId: 'api',
    apply({ headers }, { afterRejection }) {
      told.push(afterRejection);
      headers.authorization = afterRejection ? 'Basic YXBpOnNlY3JldA==' : 'Basic YXBpOndyb25n';
    },
  });
  await expect(client.introspect('good')).resolves.toHaveProperty('sub', 'mickey');
  expect(told).toEqual([false, true]);
});

it('a further attempt, after a refusal and an overloaded server, has fresh credentials too', async () => {
  const told: boolean[] = [];
  const authentication: ClientAuthentication = {
    clientId: 'api',
    apply({ headers }, { afterRejection }) {
      headers.authorization = `Custom ${told.push(afterRejection)}`;
    },
  };
  server.next(zitadelAnswers.invalidClient(), respond({ status: 503 }), active());
  await clientWith(authentication, { retry: { attempts: 3 } }).introspect('good');
  expect(told).toEqual([false, true, false]);
  expect(server.introspections.map((question) => question.field('authorization'))).toEqual([
    ['Custom 1'],
    ['Custom 2'],
    ['Custom 3'],
  ]);
});
