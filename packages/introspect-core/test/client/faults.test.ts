import { inspect } from 'node:util';
import {
  active,
  drip,
  gzipBomb,
  gzipped,
  hangBeforeHeaders,
  hangInBody,
  inactive,
  json,
  large,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  type ScriptedServer,
  startScriptedServer,
  truncated,
  zitadelResponses,
} from '@acme/introspect-testing';
import { ofetch } from 'ofetch';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { undiciTransport } from '../../src/extensions/undici/undici.js';
import {
  IntrospectionClient,
  type IntrospectionClientOptions,
  InvalidClientError,
  InvalidResponseError,
  UnavailableError,
} from '../../src/index.js';

/** What is about real sockets holds for each transport. */
const transports: [string, Partial<IntrospectionClientOptions>][] = [
  ['ofetch', {}],
  ['undici', { transport: undiciTransport() }],
];
let by: Partial<IntrospectionClientOptions> = {};
const useTransport = (options: Partial<IntrospectionClientOptions>) => {
  beforeEach(() => {
    by = options;
  });
};

let server: ScriptedServer;
beforeEach(async () => {
  by = {};
  server = await startScriptedServer();
});
afterEach(() => server.close());

const clientOf = (options: Partial<IntrospectionClientOptions> = {}) =>
  new IntrospectionClient({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    retry: { attempts: 1 },
    ...by,
    ...options,
  });

/** Returns the error of the client for one response. */
async function errorFor(reply: ScriptedResponse, options: Partial<IntrospectionClientOptions> = {}): Promise<unknown> {
  server.next(reply);
  return clientOf(options)
    .introspect('token')
    .catch((error: unknown) => error);
}

describe.each(transports)('the deadline of a client with %s', (_, options) => {
  useTransport(options);
  const timeoutMs = 150;

  it.each([
    ['hangs before its headers', hangBeforeHeaders()],
    ['hangs in its body, after headers in time', hangInBody()],
    ['drips its body, each byte in time', drip('{"active":true,"sub":"mickey"}', { everyMs: 20 })],
    ['hangs after a status whose body matters', hangInBody({ status: 400 })],
  ] satisfies [string, ScriptedResponse][])('ends a server that %s', async (_, reply) => {
    const error = await errorFor(reply, { timeoutMs });
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toHaveProperty('message', `${server.origin} did not respond within 150 ms ("timeoutMs")`);
    await server.introspections[0]?.over;
  });

  it('covers a discovery that hangs', async () => {
    server.at('/.well-known/openid-configuration', hangInBody());
    const client = new IntrospectionClient({
      issuer: server.origin,
      clientId: 'c',
      clientSecret: 's',
      timeoutMs,
      retry: { attempts: 1 },
      ...by,
    });
    await expect(client.introspect('token')).rejects.toThrow('did not respond within 150 ms');
  });

  it('covers a secret function that hangs', async () => {
    const client = clientOf({ timeoutMs, clientSecret: () => new Promise(() => {}) });
    await expect(client.introspect('token')).rejects.toThrow('did not respond within 150 ms');
  });

  it('ends a transport that ignores its signal', async () => {
    const client = clientOf({ timeoutMs, transport: () => new Promise(() => {}) });
    await expect(client.introspect('token')).rejects.toBeInstanceOf(UnavailableError);
  });

  it('starts anew with each call', async () => {
    const client = clientOf({ timeoutMs });
    server.next(hangBeforeHeaders(), inactive(), hangInBody(), inactive());
    for (const outcome of ['rejected', 'fulfilled', 'rejected', 'fulfilled']) {
      expect((await Promise.allSettled([client.introspect('token')]))[0].status).toBe(outcome);
    }
  });

  it('leaves no timer behind', async () => {
    const clear = vi.spyOn(globalThis, 'clearTimeout');
    const set = vi.spyOn(globalThis, 'setTimeout');
    server.next(inactive());
    await clientOf({ timeoutMs: 54_321 }).introspect('token');
    const timer = set.mock.results[set.mock.calls.findIndex(([, delay = 0]) => delay > 50_000)]?.value;
    expect(timer).toBeDefined();
    expect(clear.mock.calls.flat()).toContain(timer);
    vi.restoreAllMocks();
  });
});

describe.each(transports)("the caller's signal, with %s", (_, options) => {
  useTransport(options);
  it('rejects with its own reason, and ends the request', async () => {
    server.next(hangBeforeHeaders());
    const controller = new AbortController();
    const reason = { any: 'value' };
    const call = clientOf().introspect('token', { signal: controller.signal });
    const request = await server.introspection(1);
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await request.over;
  });

  it('ends a request in the middle of its body', async () => {
    server.next((response, request) => {
      hangInBody()(response, request);
      setImmediate(() => controller.abort('enough'));
    });
    const controller = new AbortController();
    await expect(clientOf().introspect('token', { signal: controller.signal })).rejects.toBe('enough');
    await server.introspections[0]?.over;
  });

  it('that is already aborted prevents the request', async () => {
    await expect(clientOf().introspect('token', { signal: AbortSignal.abort('before') })).rejects.toBe('before');
    expect(server.requests).toEqual([]);
  });

  it('does not replace the deadline', async () => {
    server.next(hangInBody());
    const { signal } = new AbortController();
    await expect(clientOf({ timeoutMs: 100 }).introspect('token', { signal })).rejects.toBeInstanceOf(UnavailableError);
  });

  it('has no listener left after any number of calls', async () => {
    server.always(inactive());
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    await clientOf().introspect('token', { signal });
    expect(add).toHaveBeenCalledTimes(1);
    expect(remove.mock.calls).toEqual(add.mock.calls);
  });
});

describe.each(transports)('a fault of the server, with %s', (_, options) => {
  useTransport(options);
  it.each([
    ['a reset', reset(), UnavailableError],
    ['a truncated body', truncated('{"active":true}', 5), UnavailableError],
    ['10 MB', large(), InvalidResponseError],
    ['a gzip bomb', gzipBomb(), InvalidResponseError],
    [
      'an invalid gzip',
      respond({ headers: { 'content-encoding': 'gzip', 'content-type': 'application/json' }, body: '{"active":true}' }),
      UnavailableError,
    ],
    [
      'bytes that are not UTF-8',
      respond({
        headers: { 'content-type': 'application/json' },
        body: Buffer.from('{"active":true,"sub":"\xff"}', 'latin1'),
      }),
      InvalidResponseError,
    ],
    [
      'UTF-8 cut in the middle',
      respond({
        headers: { 'content-type': 'application/json' },
        body: Buffer.from('{"active":true,"sub":"€"}').subarray(0, 24),
      }),
      InvalidResponseError,
    ],
    [
      'a wrong content type',
      respond({ headers: { 'content-type': 'text/html' }, body: '{"active":true}' }),
      InvalidResponseError,
    ],
    ["ZITADEL's 400 unauthorized_client", zitadelResponses.unauthorizedClient(), InvalidClientError],
    ["ZITADEL's 400 invalid_client", zitadelResponses.undecodableCredentials(), InvalidClientError],
    ["ZITADEL's documented 401", zitadelResponses.invalidClient(), InvalidClientError],
    ["ZITADEL's 400 without credentials", zitadelResponses.noCredentials(), InvalidResponseError],
    ["ZITADEL's unknown instance", zitadelResponses.unknownInstance(), InvalidResponseError],
    ["ZITADEL's quota", zitadelResponses.quotaExhausted(), UnavailableError],
    ["ZITADEL's database down", zitadelResponses.databaseDown(), UnavailableError],
    ["ZITADEL's panic", zitadelResponses.serverError(), UnavailableError],
    ['a truncated 401', truncated('{"error":"x"}', 3, { status: 401 }), InvalidClientError],
    ['a truncated 403', truncated('{"error":"x"}', 3, { status: 403 }), InvalidClientError],
    ['a truncated 404', truncated('{"error":"x"}', 3, { status: 404 }), InvalidResponseError],
    ['a 401 that hangs in its body', hangInBody({ status: 401 }), InvalidClientError],
    ['a redirect that hangs in its body', hangInBody({ status: 302 }), InvalidResponseError],
    ['10 MB with a 500', respond({ status: 500, body: 'x'.repeat(10_485_760) }), UnavailableError],
    ['bad UTF-8 with a 401', respond({ status: 401, body: Buffer.from([0xff]) }), InvalidClientError],
  ])('%s → the right error', async (_, reply, error) => {
    expect(await errorFor(reply)).toBeInstanceOf(error);
  });

  it.each([
    ['seconds', '7', 7],
    ['zero', '0', 0],
    ['a date ahead', new Date(1750000030_000).toUTCString(), 30],
    ['a date in the past', new Date(1749999000_000).toUTCString(), 0],
    ['more than an hour', '86400', 3600],
    ['a date far ahead', 'Fri, 31 Dec 9999 23:59:59 GMT', 3600],
    ['a number beyond all numbers', '9'.repeat(400), 3600],
    ['a negative number', '-5', undefined],
    ['a fraction', '1.5', undefined],
    ['words', 'soon', undefined],
    ['nothing', '', undefined],
    ['a date of another kind', '2030-01-01T00:00:00Z', undefined],
    ['a date in the form of 1985', 'Sunday, 15-Jun-25 15:07:10 GMT', 30],
    ['a date in the form of C', 'Sun Jun 15 15:07:10 2025', 30],
    ['words with a number', 'After 60', undefined],
    ['a month with a number', 'May 5', undefined],
    ['a date with something before it', `x ${new Date(1750000030_000).toUTCString()}`, undefined],
    ['a date with something after it', `${new Date(1750000030_000).toUTCString()} x`, undefined],
  ])('a Retry-After of %s → whole seconds from 0 to 3600, or undefined', async (_, value, seconds) => {
    for (const status of [429, 503]) {
      const error = await errorFor(respond({ status, headers: { 'retry-after': value } }), {
        now: () => 1750000000_000,
      });
      expect(error).toBeInstanceOf(UnavailableError);
      expect(error).toHaveProperty('retryAfterSeconds', seconds);
      expect((error as UnavailableError).headers).toEqual([
        ['Cache-Control', 'no-store'],
        ...(seconds === undefined ? [] : [['Retry-After', String(seconds)]]),
      ]);
    }
  });
});

it('a 200 without a body → InvalidResponseError', async () => {
  const fetch = vi.spyOn(globalThis, 'fetch');
  fetch.mockResolvedValue(new Response(null, { headers: { 'content-type': 'application/json' } }));
  await expect(clientOf().introspect('token')).rejects.toThrow('responded with a body that is not JSON');
  fetch.mockRestore();
});

describe.each(transports)('the size of a body, with %s', (_, options) => {
  useTransport(options);
  const ofSize = (bytes: number) => {
    const body = JSON.stringify({ active: true, pad: '' });
    return {
      headers: { 'content-type': 'application/json' },
      body: body.replace('""', `"${'ü'.repeat((bytes - body.length) / 2)}"`),
    };
  };

  it('may reach the limit, in bytes after decompression, but not exceed it', async () => {
    const bytes = JSON.stringify({ active: true, pad: '' }).length + 1000;
    for (const encode of [respond, gzipped]) {
      server.next(encode(ofSize(bytes)));
      await expect(clientOf({ maxResponseBytes: bytes }).introspect('token')).resolves.toHaveProperty('active', true);
      expect(await errorFor(encode(ofSize(bytes)), { maxResponseBytes: bytes - 1 })).toHaveProperty(
        'message',
        `${server.origin} responded with a body that is larger than ${bytes - 1} bytes ("maxResponseBytes")`,
      );
    }
  });

  it.each([
    ['text', 'x'],
    ['bytes that are not UTF-8', '\xff'],
  ])('ends reading when it exceeds the limit: an endless stream of %s is cancelled', async (_, character) => {
    const error = await errorFor((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.from(character.repeat(65_536), 'latin1');
      const pour = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    });
    expect(error).toBeInstanceOf(InvalidResponseError);
    await server.introspections[0]?.over;
  });

  it('does not break a character that arrives in two chunks', async () => {
    const body = Buffer.from('{"active":true,"sub":"€"}');
    const [first, second] = [body.subarray(0, 23), body.subarray(23)]; // in the middle of the euro sign
    server.next((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(first, () => setTimeout(() => response.end(second), 20));
    });
    await expect(clientOf().introspect('token')).resolves.toEqual({ active: true, sub: '€' });
  });
});

/** Each trap of ofetch that the transport must avoid. */
describe.each(transports)('a weakness of ofetch is avoided with %s:', (_, options) => {
  useTransport(options);
  it('its timeout ends with the headers; ours covers the body', async () => {
    server.next(hangInBody());
    await expect(clientOf({ timeoutMs: 100 }).introspect('token')).rejects.toBeInstanceOf(UnavailableError);
  });

  it('its timeout is ignored with a signal; ours is not', async () => {
    server.next(hangBeforeHeaders());
    const { signal } = new AbortController();
    await expect(clientOf({ timeoutMs: 100 }).introspect('token', { signal })).rejects.toBeInstanceOf(UnavailableError);
  });

  it('its own retries are off', async () => {
    server.always(respond({ status: 503 }));
    await expect(clientOf().introspect('token')).rejects.toBeInstanceOf(UnavailableError);
    expect(server.introspections).toHaveLength(1);
    server.at('/.well-known/openid-configuration', reset()); // of a GET, which ofetch retries once
    const retry = { attempts: 1 };
    const discovering = new IntrospectionClient({
      issuer: server.origin,
      clientId: 'c',
      clientSecret: 's',
      retry,
      ...by,
    });
    await expect(discovering.introspect('token')).rejects.toBeInstanceOf(UnavailableError);
    expect(server.requests).toHaveLength(2);
  });

  it.each([301, 302, 303, 307, 308])('it follows a %i with token and secret; we do not', async (status) => {
    const other = await startScriptedServer();
    other.always(active());
    const error = await errorFor(redirect(other.introspectionEndpoint, status));
    expect(error).toBeInstanceOf(InvalidResponseError);
    expect(error).toHaveProperty('message', expect.stringContaining('redirect'));
    expect(other.requests).toEqual([]);
    await other.close();
  });

  it('it resolves a body that is not JSON with the text; ours throws', async () => {
    expect(await errorFor(respond({ headers: { 'content-type': 'application/json' }, body: 'active' }))).toBeInstanceOf(
      InvalidResponseError,
    );
  });

  it('it parses __proto__ and NaN leniently; ours is JSON.parse', async () => {
    const body = (text: string) => respond({ headers: { 'content-type': 'application/json' }, body: text });
    expect(await errorFor(body('NaN'))).toBeInstanceOf(InvalidResponseError);
    server.next(body('{"active":true,"__proto__":{"admin":true}}'));
    const token = await clientOf().introspect('token');
    expect(Object.keys(token)).toEqual(['active']);
    expect((token as { admin?: true }).admin).toBeUndefined();
  });

  it('it decodes invalid UTF-8 silently; ours rejects it', async () => {
    const body = Buffer.from('{"active":true,"sub":"\xff\xfe"}', 'latin1');
    expect(await errorFor(respond({ headers: { 'content-type': 'application/json' }, body }))).toHaveProperty(
      'message',
      `${server.origin} responded with a body that is not UTF-8`,
    );
  });

  it('its FetchError holds the credentials and the token; ours never does', async () => {
    const fault = await ofetch(server.introspectionEndpoint, {
      method: 'POST',
      body: 'token=canary',
      headers: { authorization: 'canary' },
    }).catch((error: unknown) => error);
    expect((fault as { options: { body: string } }).options.body).toContain('canary'); // the trap itself
    await server.close();
    const error = await clientOf()
      .introspect('token')
      .catch((error: unknown) => error);
    expect(error).not.toHaveProperty('cause');
    expect(error).not.toHaveProperty('options');
  });
});

describe.each(transports)('a canary, with %s,', (_, options) => {
  useTransport(options);
  const canaries = ['CANARYtoken', 'CANARYsecret', 'CANARYbody', 'CANARYheader', 'CANARYfunction'];
  const [token = '', clientSecret = '', body = '', header = '', inFunction = ''] = canaries;
  const jsonHead = {
    'content-type': 'application/json',
    'x-canary': body,
    'www-authenticate': `Basic realm="${body}"`,
  };
  const wellKnown = '/.well-known/openid-configuration';

  const faults: [string, ScriptedResponse | null, Partial<IntrospectionClientOptions>?][] = [
    ...[201, 302, 400, 401, 403, 404, 418, 429, 500, 503].map((status): [string, ScriptedResponse] => [
      `status ${status}`,
      respond({ status, headers: { ...jsonHead, location: `https://${body}.example` }, body }),
    ]),
    ['an OAuth error', json({ error: 'invalid_client', error_description: body }, { status: 400, headers: jsonHead })],
    ['not JSON', respond({ headers: jsonHead, body })],
    ['JSON cut off', respond({ headers: jsonHead, body: `{"active":true,"x":"${body}` })],
    ['a string', json(body)],
    ['active of a wrong type', json({ active: body })],
    ['a member of a wrong type', json({ active: true, exp: body })],
    ['a content type', respond({ headers: { 'content-type': `text/${body}` }, body })],
    ['too large', large()],
    ['too deep', respond({ headers: jsonHead, body: `{"active":true,"${body}":${'['.repeat(99)}${']'.repeat(99)}}` })],
    ['not UTF-8', respond({ headers: jsonHead, body: Buffer.from(`"${body}\xff"`, 'latin1') })],
    ['a reset', reset()],
    ['a truncated body', truncated(`{"active":"${body}"}`, 20)],
    ['a server that hangs', hangInBody(), { timeoutMs: 60 }],
    [
      'a secret function that throws',
      null,
      { clientSecret: () => Promise.reject(new Error(inFunction, { cause: clientSecret })) },
    ],
    [
      'a transport that throws',
      null,
      { transport: (request) => Promise.reject(Object.assign(new Error(token), { request, cause: request })) },
    ],
    [
      'a transport that throws a code',
      null,
      { transport: () => Promise.reject(Object.assign(new Error(), { code: token })) },
    ],
    [
      'a secret function that throws a code',
      null,
      { clientSecret: () => Promise.reject(Object.assign(new Error(), { code: inFunction })) },
    ],
    ['a transport that gives nonsense', null, { transport: async (request) => request as never }],
    ['a transport that throws no error', null, { transport: (request) => Promise.reject(request) }],
  ];

  it.each(faults)('in token, secret and response never appears in an error: %s', async (_, reply, options = {}) => {
    const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const errors = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const consoles = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
      vi.spyOn(console, name).mockReturnValue(),
    );
    if (reply !== null) server.next(reply);
    const error = await clientOf({ clientSecret, headers: { 'x-key': header }, ...options })
      .introspect(token)
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    const printed = JSON.stringify([output, errors, ...consoles].map(({ mock }) => mock.calls));
    vi.restoreAllMocks();
    expectNoCanary(error, printed);
  });

  it.each([
    ['another issuer', json({ issuer: `https://${body}.example` })],
    ['no endpoint', json({ issuer: body, [body]: body })],
    ['status 500', respond({ status: 500, headers: jsonHead, body })],
    ['not JSON', respond({ headers: jsonHead, body })],
  ] as [string, ScriptedResponse][])('in a metadata document never appears in an error: %s', async (_, reply) => {
    server.at(wellKnown, reply);
    const client = new IntrospectionClient({ issuer: server.origin, clientId: 'c', clientSecret, ...by });
    const error = await client.introspect(token).then(
      () => undefined,
      (error: unknown) => error,
    );
    expectNoCanary(error, '');
  });

  function expectNoCanary(error: unknown, printed: string): void {
    expect(error).toBeInstanceOf(Error);
    const { message, stack, cause } = error as Error;
    const shown = [
      message,
      stack,
      inspect(cause),
      JSON.stringify(error),
      JSON.stringify(error, Object.getOwnPropertyNames(error)),
      inspect(error, { showHidden: true, depth: Number.POSITIVE_INFINITY, getters: true }),
      printed,
    ].join('\n');
    for (const canary of [...canaries, btoa(clientSecret), encodeURIComponent(clientSecret)]) {
      expect(shown).not.toContain(canary);
    }
  }
});
