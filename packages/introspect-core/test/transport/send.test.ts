import { describe, expect, it, vi } from 'vitest';
import {
  IntrospectionClient,
  InvalidResponseError,
  type Transport,
  type TransportRequest,
  UnavailableError,
} from '../../src/index.js';
import { eventLoopTurns } from '../support/event-loop.js';

const responseOf = (body: string, contentType: string | null = 'application/json') => ({
  status: 200,
  header: (name: string) => (name === 'content-type' ? contentType : null),
  body,
});

function clientOf(transport: Transport, options: { issuer?: string; headers?: Record<string, string> } = {}) {
  const client = { clientId: 'c', clientSecret: 's', transport, ...options };
  return new IntrospectionClient(
    options.issuer === undefined
      ? { introspectionEndpoint: 'https://as.example.com/introspect', ...client }
      : { ...client, issuer: options.issuer },
  );
}

describe('a transport', () => {
  it('gets the whole request: names in lower case, the body as text, the size limit and a signal', async () => {
    const transport = vi.fn<Transport>(async () => responseOf('{"active":false}'));
    await clientOf(transport, { headers: { 'X-Tenant': 'a' } }).introspect('abc');
    expect(transport).toHaveBeenCalledExactlyOnceWith({
      url: 'https://as.example.com/introspect',
      method: 'POST',
      headers: {
        'x-tenant': 'a',
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        authorization: 'Basic Yzpz',
      },
      body: 'token=abc&token_type_hint=access_token',
      signal: expect.any(AbortSignal),
      maxResponseBytes: 262_144,
    } satisfies TransportRequest);
  });

  it('gets no body with a GET', async () => {
    const transport = vi.fn<Transport>(async () => ({ ...responseOf(''), status: 404 }));
    await clientOf(transport, { issuer: 'https://as.example.com' })
      .introspect('abc')
      .catch(() => {});
    expect(transport.mock.calls.map(([request]) => request)).toEqual([
      expect.objectContaining({ method: 'GET' }),
      expect.objectContaining({ method: 'GET' }),
    ]);
    for (const [request] of transport.mock.calls) expect(request).not.toHaveProperty('body');
  });

  it('may throw an error of ours, which passes unchanged', async () => {
    const error = new InvalidResponseError('too large');
    await expect(clientOf(() => Promise.reject(error)).introspect('abc')).rejects.toBe(error);
  });

  it('may throw synchronously', async () => {
    const transport = () => {
      throw new Error('synchronous');
    };
    await expect(clientOf(transport).introspect('abc')).rejects.toBeInstanceOf(UnavailableError);
  });

  const nested = (depth: number): unknown => (depth === 0 ? { code: 'EPIPE' } : { cause: nested(depth - 1) });
  const cyclic: { cause?: unknown } = {};
  cyclic.cause = cyclic;

  it.each([
    ['ECONNREFUSED', { code: 'ECONNREFUSED' }, ' (ECONNREFUSED)'],
    ['a code of Bun', { code: 'ConnectionRefused' }, ' (ConnectionRefused)'],
    ['an unknown code', { code: 'ECANARY' }, ''],
    [
      'a code that throws',
      {
        get code() {
          throw new Error('canary');
        },
      },
      '',
    ],
    ['the code of a cause', { code: 23, cause: { cause: { code: 'ENOTFOUND' } } }, ' (ENOTFOUND)'],
    ['a code four causes deep', nested(4), ' (EPIPE)'],
    ['a code five causes deep', nested(5), ''],
    ['a cause that is its own cause', cyclic, ''],
    ['a code with a space before it', { code: ' ECANARY' }, ''],
    ['a code with words after it', { code: 'ECANARY: secret' }, ''],
    ['a code that is too long', { code: 'E'.repeat(41) }, ''],
    ['null', null, ''],
    ['a text', 'canary', ''],
    ['a cause of null', { cause: null }, ''],
  ])('may fail with %s', async (_, fault, shown) => {
    const message = `https://as.example.com could not be reached${shown}: is the server up, and its address right?`;
    await expect(clientOf(() => Promise.reject(fault)).introspect('abc')).rejects.toMatchObject({ message });
  });

  it.each([
    ['{"active":true}', null, 'a Content-Type other than application/json'],
    ['{"active":true', undefined, 'a body that is not JSON'],
    ['5', undefined, 'JSON that is not an object'],
    ['{"active":1}', undefined, 'without a boolean "active"'],
  ])('may return %s (Content-Type %s), and the error says what is invalid', async (body, contentType, message) => {
    const client = clientOf(async () => responseOf(body, contentType));
    await expect(client.introspect('abc')).rejects.toBeInstanceOf(InvalidResponseError);
    await expect(client.introspect('abc')).rejects.toThrow('https://as.example.com responded with');
    await expect(client.introspect('abc')).rejects.toThrow(message);
  });

  it.each([
    [429, /too many requests/],
    [503, /overloaded or broken/],
    [300, /redirect/],
    [404, /check the configured URL/],
  ])('may return a %i, and the error says what to do', async (status, message) => {
    const client = clientOf(async () => ({ ...responseOf(''), status }));
    await expect(client.introspect('abc')).rejects.toThrow(message);
  });

  it.each([undefined, 7, ['application/json']])(
    'may return %s for a header field, which then counts as absent',
    async (value) => {
      const client = clientOf(async () => ({ status: 503, header: () => value as never, body: '' }));
      await expect(client.introspect('abc')).rejects.toMatchObject({
        code: 'unavailable',
        retryAfterSeconds: undefined,
      });
    },
  );

  it('gets metadata requests by the clock of the platform if no other clock is configured', async () => {
    let clock = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => clock);
    const issuer = 'https://as.example.com';
    const transport = vi.fn<Transport>(async ({ method }) =>
      responseOf(
        method === 'GET' ? JSON.stringify({ issuer, introspection_endpoint: `${issuer}/i` }) : '{"active":false}',
      ),
    );
    const client = clientOf(transport, { issuer });
    await client.introspect('abc');
    clock = 3_600_000;
    await client.introspect('abc');
    vi.restoreAllMocks();
    expect(transport.mock.calls.filter(([{ method }]) => method === 'GET')).toHaveLength(2);
  });
});

describe('the response of a transport', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'active'],
    ['no header function', { status: 200, body: '{"active":true}' }],
    ['a status that is a text', { status: '200', header: () => 'application/json', body: '{"active":true}' }],
    ['a body that is not text', { status: 200, header: () => 'application/json', body: { active: true } }],
    ['larger than maxResponseBytes', responseOf(`{"active":true,"pad":"${'x'.repeat(262_144)}"}`)],
  ])('is rejected when it is %s', async (_, response) => {
    await expect(clientOf(async () => response as never).introspect('abc')).rejects.toMatchObject({
      code: 'invalid_response',
      message: expect.stringContaining('The "transport" returned'),
    });
  });
});

describe('a transport whose response throws', () => {
  const canary = () => {
    throw new Error('canary');
  };
  it.each<[string, () => object]>([
    ['in "header"', () => ({ ...responseOf('{"active":true}'), header: canary })],
    ['in "header", beside a 503', () => ({ ...responseOf(''), status: 503, header: canary })],
    ['in a getter "header"', () => Object.defineProperty(responseOf('{"active":true}'), 'header', { get: canary })],
    ['in a getter "status"', () => Object.defineProperty(responseOf('{"active":true}'), 'status', { get: canary })],
    ['in a getter "body"', () => Object.defineProperty(responseOf('{"active":true}'), 'body', { get: canary })],
  ])('%s fails as an invalid response, without its message', async (_, response) => {
    const client = clientOf(async () => response() as never);
    const error = await client.introspect('abc').catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'invalid_response', status: 503 });
    expect(error.message).toBe(
      'The "transport" returned no status, header and body for https://as.example.com: see the type Transport',
    );
    expect(error.cause).toBeUndefined();
    expect(client.stats().requests).toMatchObject({ invalid_response: 1, aborted: 0 });
  });

  it('in "header" during discovery fails as an invalid response', async () => {
    const client = clientOf(async () => ({ ...responseOf('{}'), header: canary }), {
      issuer: 'https://as.example.com',
    });
    await expect(client.introspect('abc')).rejects.toBeInstanceOf(InvalidResponseError);
  });

  it('only in a later call of "header" or read of "body" does not matter, because each is read once', async () => {
    let calls = 0;
    const once = <Value>(value: Value): Value => {
      if (++calls > 3) canary();
      return value;
    };
    const response = {
      status: 200,
      header: (name: string) => once(name === 'content-type' ? 'application/json' : null),
      get body() {
        return once('{"active":false}');
      },
    };
    await expect(clientOf(async () => response).introspect('abc')).resolves.toEqual({ active: false });
  });
});

describe('an abort', () => {
  it('while the secret is fetched sends nothing', async () => {
    const transport = vi.fn<Transport>(async () => responseOf('{"active":false}'));
    const secret = Promise.withResolvers<string>();
    const controller = new AbortController();
    const client = new IntrospectionClient({
      introspectionEndpoint: 'https://as.example.com/introspect',
      clientId: 'c',
      clientSecret: () => secret.promise,
      transport,
    });
    const call = client.introspect('abc', { signal: controller.signal });
    controller.abort('left');
    await expect(call).rejects.toBe('left');
    secret.resolve('s');
    await eventLoopTurns();
    expect(transport).not.toHaveBeenCalled();
  });

  it('during discovery fetches no secret', async () => {
    const issuer = 'https://as.example.com';
    const metadata = Promise.withResolvers<void>();
    const clientSecret = vi.fn(() => 's');
    const controller = new AbortController();
    const transport: Transport = async () => {
      await metadata.promise;
      return responseOf(JSON.stringify({ issuer, introspection_endpoint: `${issuer}/i` }));
    };
    const client = new IntrospectionClient({ issuer, clientId: 'c', clientSecret, transport });
    const call = client.introspect('abc', { signal: controller.signal });
    controller.abort('left');
    await expect(call).rejects.toBe('left');
    metadata.resolve();
    await eventLoopTurns();
    expect(clientSecret).not.toHaveBeenCalled();
  });
});

describe('members that an object inherits', () => {
  it('are never read: a polluted prototype sends no token elsewhere and makes nothing active', async () => {
    const issuer = 'https://as.example.com';
    const inherited = { introspection_endpoint: 'https://evil.example/', active: true, error: 'invalid_client' };
    const transport = vi.fn<Transport>(async () => responseOf(JSON.stringify({ issuer })));
    const clients = [
      clientOf(transport, { issuer }),
      clientOf(async () => responseOf('{}')),
      clientOf(async () => ({ ...responseOf('{}'), status: 400 })),
    ];
    for (const [name, value] of Object.entries(inherited)) {
      Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
    }
    const outcomes = await Promise.allSettled(clients.map((client) => client.introspect('abc')));
    for (const name of Object.keys(inherited)) Reflect.deleteProperty(Object.prototype, name);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'invalid_response' } });
    // One request for each place at which the issuer may publish its metadata.
    expect(transport.mock.calls.length).toBeGreaterThan(0);
    for (const [{ url }] of transport.mock.calls) expect(new URL(url).origin).toBe(issuer);
  });
});
