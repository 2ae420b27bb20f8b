import {
  active,
  json,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
  zitadelResponses,
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
  noClientAuthentication,
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
const rejections = () => events.filter(({ type }) => type === 'credentials_refused');

/** Responds according to the secret in the form, as a server with `client_secret_post`. */
const byForm: ScriptedResponse = (response, request) =>
  (request.form.get('client_secret') === 'secret' ? active() : zitadelResponses.invalidClient())(response, request);

describe('a fixed secret that is wrong', () => {
  it.each([
    ['in the header field', basic('wrong')],
    ['in the form', clientSecretPost({ clientId: 'api', clientSecret: 'wrong' })],
  ])('(%s) is sent once for each call', async (_, authentication) => {
    server.always(zitadelResponses.invalidClient());
    await expect(clientWith(authentication).introspect('good')).rejects.toBeInstanceOf(InvalidClientError);
    expect(server.introspections).toHaveLength(1);
    expect(rejections()).toEqual([{ type: 'credentials_refused', origin: server.origin }]);
  });

  it('is a 503 for the caller, and ready() throws it', async () => {
    const authorizer = new Authorizer({ client: clientWith(basic('wrong')) });
    await expect(authorizer.ready()).rejects.toMatchObject({ code: 'invalid_client', status: 503 });
    await expect(authorizer.authorize('Bearer good')).rejects.toMatchObject({ code: 'invalid_client', status: 503 });
    expect(rejections()).toHaveLength(2);
  });

  it('does not flood the server: of a hundred calls in one second, ten send a request', async () => {
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
  ] as const)(
    'is called again after a rejection, and its new secret is used immediately: %s',
    async (_, made, reply) => {
      if (reply !== undefined) server.always(reply);
      const secrets = ['old', 'secret', 'secret'];
      const client = clientWith(made(() => String(secrets.shift())));
      await expect(client.introspect('good')).resolves.toHaveProperty('active', true);
      expect(server.introspections).toHaveLength(2);
      await client.introspect('good');
      expect([server.introspections.length, secrets]).toEqual([3, []]);
    },
  );

  it.each([
    ['in the header field', basic],
    ['in the form', (clientSecret: () => string) => clientSecretPost({ clientId: 'api', clientSecret })],
  ])('that returns the same secret again is called once more, and nothing is sent: %s', async (_, made) => {
    server.always(zitadelResponses.invalidClient());
    let calls = 0;
    const client = clientWith(made(() => `wrong${++calls && ''}`));
    await expect(client.introspect('good')).rejects.toBeInstanceOf(InvalidClientError);
    expect([calls, server.introspections.length]).toEqual([2, 1]);
  });

  it('is called again only once for each call, even if its secret changes each time', async () => {
    let calls = 0;
    const client = clientWith(basic(() => `wrong-${++calls}`));
    await expect(client.introspect('good')).rejects.toBeInstanceOf(InvalidClientError);
    expect([calls, server.introspections.length]).toEqual([2, 2]);
    expect(rejections()).toHaveLength(1);
  });

  it('that fails when it is called again → the call fails with that error', async () => {
    let calls = 0;
    const client = clientWith(basic(() => (++calls === 1 ? 'wrong' : Promise.reject(new Error('vault')))));
    await expect(client.introspect('good')).rejects.toThrow("Could not get this API's own credentials");
    expect(server.introspections).toHaveLength(1);
  });

  it('that hangs when it is called again → the call fails at its deadline', async () => {
    let calls = 0;
    const client = clientWith(
      basic(() => (++calls === 1 ? 'wrong' : new Promise(() => {}))),
      { timeoutMs: 500, retry: { attempts: 1 } },
    );
    await expect(client.introspect('good')).rejects.toBeInstanceOf(InvalidClientError);
  });

  it('is not called again for a caller who has aborted', async () => {
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

it('a client authentication gets afterRejection: true when it is called again', async () => {
  const afterRejections: boolean[] = [];
  const client = clientWith({
    clientId: 'api',
    apply({ headers }, { afterRejection }) {
      afterRejections.push(afterRejection);
      headers.authorization = afterRejection ? 'Basic YXBpOnNlY3JldA==' : 'Basic YXBpOndyb25n';
    },
  });
  await expect(client.introspect('good')).resolves.toHaveProperty('sub', 'mickey');
  expect(afterRejections).toEqual([false, true]);
});

it('an attempt after a rejection and an overloaded server has fresh credentials too', async () => {
  const afterRejections: boolean[] = [];
  const authentication: ClientAuthentication = {
    clientId: 'api',
    apply({ headers }, { afterRejection }) {
      headers.authorization = `Custom ${afterRejections.push(afterRejection)}`;
    },
  };
  server.next(zitadelResponses.invalidClient(), respond({ status: 503 }), active());
  await clientWith(authentication, { retry: { attempts: 3 } }).introspect('good');
  expect(afterRejections).toEqual([false, true, false]);
  expect(server.introspections.map((request) => request.field('authorization'))).toEqual([
    ['Custom 1'],
    ['Custom 2'],
    ['Custom 3'],
  ]);
});

describe('the message of a rejection', () => {
  const messageFor = async (clientAuthentication: ClientAuthentication) => {
    server.always(zitadelResponses.invalidClient());
    const error = await clientWith(clientAuthentication)
      .introspect('good')
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidClientError);
    return String(error);
  };
  const plain = { clientId: 'api_1', clientSecret: 'Canary-9.*' };
  const special = { clientId: 'api', clientSecret: 'canary:+% &é' };

  it.each<[string, ClientAuthentication]>([
    ['a fixed secret', clientSecretBasic(special)],
    ['a secret from a function', clientSecretBasic({ ...special, clientSecret: () => special.clientSecret })],
    ['a client id', clientSecretBasic({ ...plain, clientId: 'canary@acme' })],
  ])('names the raw encoding if form encoding changes %s', async (_, authentication) => {
    const message = await messageFor(authentication);
    expect(message).toContain("some servers do not decode: try clientSecretBasic({ encoding: 'raw' })");
    expect(message).not.toMatch(/canary|Y2FuYXJ5/i);
  });

  it('names the form encoding if raw credentials differ from it', async () => {
    for (const options of [special, { ...plain, clientSecret: 'a:canary' }, { ...plain, clientId: 'canary@acme' }]) {
      const message = await messageFor(clientSecretBasic({ ...options, encoding: 'raw' }));
      expect(message).toContain("try clientSecretBasic({ encoding: 'form' })");
      expect(message).not.toMatch(/canary|Y2FuYXJ5/i);
    }
  });

  it('names the form encoding if a server that decodes responds to raw credentials with 400 invalid_request', async () => {
    server.always(json({ error: 'invalid_request' }, { status: 400 }));
    const messageOf = async (encoding: 'form' | 'raw') =>
      String(
        await clientWith(clientSecretBasic({ ...special, encoding }))
          .introspect('t')
          .catch((error) => error),
      );
    expect(await messageOf('raw')).toMatch(/so the URL is right: .*try clientSecretBasic\(\{ encoding: 'form' \}\)$/);
    expect(await messageOf('raw')).not.toMatch(/canary|Y2FuYXJ5/i);
    expect(await messageOf('form')).not.toContain('encod');
  });

  it.each<[string, ClientAuthentication]>([
    ['form encoding changes nothing', clientSecretBasic(plain)],
    ['raw credentials need no encoding', clientSecretBasic({ ...plain, encoding: 'raw' })],
    ['the secret is in the form', clientSecretPost(special)],
    ['no credentials are sent', noClientAuthentication()],
  ])('names no encoding if %s', async (_, authentication) => {
    expect(await messageFor(authentication)).not.toContain('encod');
  });
});
