/** Web standards alone: the cases are bundled for every runtime, and run beside a fault server in another process. */

/** What the contract is about: the same as the core's `Transport`. */
export type TransportUnderTest = (request: {
  url: string;
  method: 'GET' | 'POST';
  headers: Readonly<Record<string, string>>;
  body?: string;
  signal: AbortSignal;
  maxResponseBytes: number;
}) => Promise<{ status: number; header(name: string): string | null; body: string }>;

export interface TransportContractCase {
  readonly name: string;
  /** Rejects, saying what was expected, where a transport does otherwise. Has no time limit of its own. */
  run(transport: TransportUnderTest, server: { readonly origin: string }): Promise<void>;
}

interface Ask {
  status?: number;
  bytes?: number;
  character?: string;
  method?: 'GET' | 'POST';
  body?: string;
  signal?: AbortSignal;
  maxResponseBytes?: number;
}

/** One case's way to the server: what it asks is known there by an id of its own. */
class Road {
  readonly #id = crypto.randomUUID();
  readonly #transport: TransportUnderTest;
  readonly #origin: string;

  constructor(transport: TransportUnderTest, origin: string) {
    this.#transport = transport;
    this.#origin = origin;
  }

  /** Asks by the transport. */
  ask(path: string, { status, bytes, character, ...given }: Ask = {}) {
    const url = new URL(path, this.#origin);
    for (const [name, value] of Object.entries({ id: this.#id, status, bytes, character })) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return this.#transport({
      url: url.href,
      method: 'POST',
      headers,
      ...(given.method !== 'GET' && { body: 'token=a' }),
      signal: new AbortController().signal,
      maxResponseBytes: 262_144,
      ...given,
    });
  }

  /** What the server tells of this case's requests: by `fetch`, whatever the transport is. */
  async report(path: '/seen' | '/arrived' | '/over'): Promise<{ method: string; url: string }[]> {
    const response = await fetch(new URL(`${path}?id=${this.#id}`, this.#origin));
    return response.json();
  }

  /** Somewhere nobody listens. */
  async closedOrigin(): Promise<string> {
    const { origin } = await (await fetch(new URL('/closed', this.#origin))).json();
    return origin;
  }
}

const headers = {
  accept: 'application/json',
  'content-type': 'application/x-www-form-urlencoded',
  authorization: 'Basic YXBpOnNlY3JldA==',
  'x-tenant': 'a b',
};

const cases: Readonly<Record<string, (road: Road) => Promise<void>>> = {
  'brings a POST to the server as it is': async (road) => {
    const body = 'token=a%2Bb%C3%9F&x=1+2&umlaut=ü';
    const { method, body: arrived, fields } = JSON.parse((await road.ask('/echo', { body })).body);
    equal('the method', method, 'POST');
    equal('the body', arrived, body);
    for (const [name, value] of Object.entries(headers)) equal(name, valuesOf(fields, name), [value]);
  },
  'brings a GET to the server without a body': async (road) => {
    const echo = JSON.parse((await road.ask('/echo', { method: 'GET' })).body);
    equal('the method', echo.method, 'GET');
    equal('the body', echo.body, '');
    equal('authorization', valuesOf(echo.fields, 'authorization'), [headers.authorization]);
  },
  'gives every status as it came': async (road) => {
    for (const status of [200, 201, 204, 300, 304, 400, 401, 403, 404, 418, 429, 500, 502, 503]) {
      const response = await road.ask('/status', { status });
      equal('the status', response.status, status);
      equal('a field', response.header('x-fault'), 'status');
    }
  },
  'gives the text that comes with a 200, a 400 and a 403': async (road) => {
    for (const status of [200, 400, 403]) {
      equal(`the body of a ${status}`, (await road.ask('/status', { status })).body, 'plain text');
    }
  },
  'finds a field by its lower-case name, and gives null for one that is not there': async (road) => {
    const { header } = await road.ask('/fields');
    equal('x-one', header('x-one'), 'first');
    equal('retry-after', header('retry-after'), '7');
    equal('x-two', header('x-two'), null);
    equal('constructor', header('constructor'), null);
  },
  'follows no redirect': async (road) => {
    for (const status of [301, 302, 303, 307, 308]) {
      equal('the status', (await road.ask('/redirect', { status })).status, status);
    }
    const paths = (await road.report('/seen')).map(({ url }) => url.split('?')[0]);
    equal('the paths that were asked for', paths, Array(5).fill('/redirect'));
  },
  'asks once, whatever comes': async (road) => {
    await road.ask('/status', { status: 503 });
    await rejection('a reset', road.ask('/reset'));
    await rejection('a reset of a GET', road.ask('/reset', { method: 'GET' }));
    equal('the requests', (await road.report('/seen')).length, 3);
  },
  'rejects when the connection is reset': async (road) => {
    await rejection('a reset', road.ask('/reset'));
  },
  'rejects when nobody listens': async (road) => {
    const origin = await road.closedOrigin();
    await rejection('a closed port', road.ask(`${origin}/echo`));
  },
  'rejects when the body of a 200 ends too early': async (road) => {
    await rejection('half a body', road.ask('/truncated'));
  },
  'rejects when the body of a 200 is not in the coding that it says': async (road) => {
    await rejection('no gzip', road.ask('/no-gzip'));
  },
  'gives the status alone where a body is cut off, too large or not UTF-8, and not that of a 200': async (road) => {
    for (const status of [400, 403]) {
      equal('the status', (await road.ask('/truncated', { status })).status, status);
      for (const path of ['/sized', '/gzip', '/not-utf-8']) {
        const response = await road.ask(path, {
          status,
          bytes: 2000,
          maxResponseBytes: path === '/not-utf-8' ? 99 : 1000,
        });
        equal(`the status of ${path}`, response.status, status);
        equal(`the body of ${path}`, response.body, '');
      }
    }
    equal('the status', (await road.ask('/truncated', { status: 401 })).status, 401);
  },
  'waits for no body that nobody looks at': async (road) => {
    for (const status of [201, 302, 401, 404, 500]) {
      const response = await road.ask('/hang-in-body', { status });
      equal('the status', response.status, status);
      equal('the body', response.body, '');
    }
    equal('the status', (await road.ask('/sized', { status: 500, bytes: 10_000_000 })).status, 500);
  },
  'gives an empty body as it is': async (road) => {
    equal('the body', (await road.ask('/empty')).body, '');
  },
  'decodes gzip': async (road) => {
    equal('the body', (await road.ask('/gzip', { bytes: 5000 })).body, sized(5000));
  },
  'decodes deflate where it asks for that, with the frame of zlib and without': async (road) => {
    for (const path of ['/deflate', '/deflate-raw']) {
      equal(`the body of ${path}`, (await road.ask(path, { bytes: 5000 })).body, sized(5000));
    }
  },
  'reads as much as is allowed, and not a byte more, counted after decompression': async (road) => {
    for (const path of ['/sized', '/identity', '/gzip']) {
      equal('the body', (await road.ask(path, { bytes: 5000, maxResponseBytes: 5000 })).body, sized(5000));
      const refused = road.ask(path, { bytes: 5000, maxResponseBytes: 4999 });
      await invalidResponse(refused, 'larger than 4999 bytes ("maxResponseBytes")');
    }
  },
  'refuses 10 MB, also where they come as 10 kB of gzip': async (road) => {
    for (const path of ['/large', '/gzip-bomb']) {
      await invalidResponse(road.ask(path), 'larger than 262144 bytes ("maxResponseBytes")');
    }
  },
  'ends a body that has no end, once it is too much': async (road) => {
    await invalidResponse(road.ask('/endless'), 'larger than 262144 bytes ("maxResponseBytes")');
    await invalidResponse(road.ask('/endless', { character: 'bad' }));
    await road.report('/over');
  },
  'refuses what is not UTF-8, also at its very end': async (road) => {
    for (const path of ['/not-utf-8', '/cut-character']) await invalidResponse(road.ask(path), 'not UTF-8');
  },
  'reads a character that comes in two pieces': async (road) => {
    equal('the body', (await road.ask('/split-character')).body, '{"active":true,"sub":"€"}');
  },
  'sends nothing when its signal was aborted before': async (road) => {
    await rejection('an abort', road.ask('/echo', { signal: AbortSignal.abort() }));
    equal('the requests', await road.report('/seen'), []);
  },
  'ends a request that waits for its headers, when its signal is aborted': async (road) => {
    await endsWhenAborted(road, '/hang-before-headers');
  },
  'ends a request in the middle of its body, when its signal is aborted': async (road) => {
    for (const path of ['/hang-in-body', '/drip']) await endsWhenAborted(road, path);
  },
  'works on after an abort': async (road) => {
    await endsWhenAborted(road, '/hang-in-body');
    equal('the body', (await road.ask('/gzip', { bytes: 100 })).body, sized(100));
  },
  'does not mind an abort when all is over': async (road) => {
    const controller = new AbortController();
    const response = await road.ask('/sized', { bytes: 100, signal: controller.signal });
    controller.abort();
    equal('the body', response.body, sized(100));
    equal('the status of the next', (await road.ask('/echo')).status, 200);
  },
  'gives each of fifty at once its own answer': async (road) => {
    const bodies = Array.from({ length: 50 }, (_, index) => `token=${index}`);
    const responses = await Promise.all(bodies.map((body) => road.ask('/echo', { body })));
    equal(
      'the bodies',
      responses.map(({ body }) => JSON.parse(body).body),
      bodies,
    );
  },
  'uses its connections again': async (road) => {
    const connections = new Set<number>();
    for (let i = 0; i < 10; i++) connections.add(JSON.parse((await road.ask('/echo')).body).connection);
    // A transport may leave one alone for the moment after its response.
    equal('that ten requests, one after the other, need three connections at most', connections.size <= 3, true);
  },
};

/**
 * Every case of the contract for transports. `server` is one of `startFaultServer` of `@acme/introspect-testing`.
 *
 * Any runner of tests can run them, on any runtime:
 * `for (const { name, run } of transportContractCases) it(name, () => run(transport, server))`
 */
export const transportContractCases: readonly TransportContractCase[] = Object.entries(cases).map(([name, check]) => ({
  name,
  run: (transport, { origin }) => check(new Road(transport, origin)),
}));

async function endsWhenAborted(road: Road, path: string): Promise<void> {
  const controller = new AbortController();
  const rejected = rejection('an abort', road.ask(path, { signal: controller.signal }));
  await road.report('/arrived');
  controller.abort();
  await rejected;
  await road.report('/over');
}

/** The same text as the server's. */
function sized(bytes: number): string {
  const [before, after] = ['{"active":true,"pad":"', '"}'];
  return `${before}${'ü'.repeat((bytes - before.length - after.length) / 2)}${after}`;
}

function valuesOf(fields: readonly [name: string, value: string][], name: string): string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value);
}

async function rejection(what: string, promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what} was expected to reject, and resolved with ${JSON.stringify(value)}`);
}

async function invalidResponse(promise: Promise<unknown>, text = ''): Promise<void> {
  const error = Object(await rejection('a body like this', promise)) as { code?: unknown; message?: unknown };
  equal('the code of the error', error.code, 'invalid_response');
  if (!String(error.message).includes(text)) throw new Error(`expected "${text}" in the message "${error.message}"`);
}

function equal(what: string, actual: unknown, expected: unknown): void {
  const [one, other] = [actual, expected].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`expected ${what} to be ${other}, and not ${one}`);
}
