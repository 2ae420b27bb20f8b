import { type CaseContext, headers } from './transport-case-context.js';
import { equal, invalidResponse, rejection, sized, valuesOf } from './transport-checks.js';

/** The cases, by their names. */
export const transportCases: Readonly<Record<string, (context: CaseContext) => Promise<void>>> = {
  'sends a POST as it is': async (context) => {
    const body = 'token=a%2Bb%C3%9F&x=1+2&umlaut=ü';
    const { method, body: arrived, fields } = JSON.parse((await context.send('/echo', { body })).body);
    equal('the method', method, 'POST');
    equal('the body', arrived, body);
    for (const [name, value] of Object.entries(headers)) equal(name, valuesOf(fields, name), [value]);
  },
  'sends a GET without a body': async (context) => {
    const echo = JSON.parse((await context.send('/echo', { method: 'GET' })).body);
    equal('the method', echo.method, 'GET');
    equal('the body', echo.body, '');
    equal('authorization', valuesOf(echo.fields, 'authorization'), [headers.authorization]);
  },
  'returns every status as it came': async (context) => {
    for (const status of [200, 201, 204, 300, 304, 400, 401, 403, 404, 418, 429, 500, 502, 503]) {
      const response = await context.send('/status', { status });
      equal('the status', response.status, status);
      equal('a field', response.header('x-fault'), 'status');
    }
  },
  'returns the body of a 200, a 400 and a 403': async (context) => {
    for (const status of [200, 400, 403]) {
      equal(`the body of a ${status}`, (await context.send('/status', { status })).body, 'plain text');
    }
  },
  'returns a field by its lower-case name, and null for an absent one': async (context) => {
    const { header } = await context.send('/fields');
    equal('x-one', header('x-one'), 'first');
    equal('retry-after', header('retry-after'), '7');
    equal('x-two', header('x-two'), null);
    equal('constructor', header('constructor'), null);
  },
  'does not follow redirects': async (context) => {
    for (const status of [301, 302, 303, 307, 308]) {
      equal('the status', (await context.send('/redirect', { status })).status, status);
    }
    const paths = (await context.report('/seen')).map(({ url }) => url.split('?')[0]);
    equal('the requested paths', paths, Array(5).fill('/redirect'));
  },
  'sends each request once, even if it fails': async (context) => {
    await context.send('/status', { status: 503 });
    await rejection('a reset', context.send('/reset'));
    await rejection('a reset of a GET', context.send('/reset', { method: 'GET' }));
    equal('the requests', (await context.report('/seen')).length, 3);
  },
  'rejects when the connection is reset': async (context) => {
    await rejection('a reset', context.send('/reset'));
  },
  'rejects when no server listens': async (context) => {
    const origin = await context.closedOrigin();
    await rejection('a closed port', context.send(`${origin}/echo`));
  },
  'rejects when the body of a 200 ends too early': async (context) => {
    await rejection('half a body', context.send('/truncated'));
  },
  'rejects when the body of a 200 is not in its declared content coding': async (context) => {
    await rejection('no gzip', context.send('/no-gzip'));
  },
  'returns only the status if the body of another status than 200 is cut off, too large or not UTF-8': async (
    context,
  ) => {
    for (const status of [400, 403]) {
      equal('the status', (await context.send('/truncated', { status })).status, status);
      for (const path of ['/sized', '/known-length', '/gzip', '/not-utf-8']) {
        const response = await context.send(path, {
          status,
          bytes: 2000,
          maxResponseBytes: path === '/not-utf-8' ? 99 : 1000,
        });
        equal(`the status of ${path}`, response.status, status);
        equal(`the body of ${path}`, response.body, '');
      }
    }
    equal('the status', (await context.send('/truncated', { status: 401 })).status, 401);
  },
  'does not wait for a body that the client does not read': async (context) => {
    for (const status of [201, 302, 401, 404, 500]) {
      const response = await context.send('/hang-in-body', { status });
      equal('the status', response.status, status);
      equal('the body', response.body, '');
    }
    equal('the status', (await context.send('/sized', { status: 500, bytes: 10_000_000 })).status, 500);
  },
  'returns an empty body': async (context) => {
    equal('the body', (await context.send('/empty')).body, '');
  },
  'decodes gzip': async (context) => {
    equal('the body', (await context.send('/gzip', { bytes: 5000 })).body, sized(5000));
  },
  'decodes deflate if it accepts deflate, with and without the frame of zlib': async (context) => {
    for (const path of ['/deflate', '/deflate-raw']) {
      equal(`the body of ${path}`, (await context.send(path, { bytes: 5000 })).body, sized(5000));
    }
  },
  'accepts a body of "maxResponseBytes" bytes after decompression, and rejects one more byte': async (context) => {
    for (const path of ['/sized', '/known-length', '/identity', '/gzip']) {
      equal('the body', (await context.send(path, { bytes: 5000, maxResponseBytes: 5000 })).body, sized(5000));
      const rejected = context.send(path, { bytes: 5000, maxResponseBytes: 4999 });
      await invalidResponse(rejected, 'larger than 4999 bytes ("maxResponseBytes")');
    }
  },
  'rejects 10 MB, also if they arrive as 10 kB of gzip': async (context) => {
    for (const path of ['/large', '/gzip-bomb']) {
      await invalidResponse(context.send(path), 'larger than 262144 bytes ("maxResponseBytes")');
    }
  },
  'closes the connection of an endless body when the body is too large': async (context) => {
    await invalidResponse(context.send('/endless'), 'larger than 262144 bytes ("maxResponseBytes")');
    await invalidResponse(context.send('/endless', { character: 'bad' }));
    await context.report('/over');
  },
  'rejects a body that is not UTF-8, also if only its last character is cut off': async (context) => {
    for (const path of ['/not-utf-8', '/cut-character']) await invalidResponse(context.send(path), 'not UTF-8');
  },
  'reads a character that arrives in two chunks': async (context) => {
    equal('the body', (await context.send('/split-character')).body, '{"active":true,"sub":"€"}');
  },
  'sends no request if its signal is already aborted': async (context) => {
    await rejection('an abort', context.send('/echo', { signal: AbortSignal.abort() }));
    equal('the requests', await context.report('/seen'), []);
  },
  'ends a request that waits for its header when its signal is aborted': async (context) => {
    await endsWhenAborted(context, '/hang-before-headers');
  },
  'ends a request in the middle of its body when its signal is aborted': async (context) => {
    for (const path of ['/hang-in-body', '/drip']) await endsWhenAborted(context, path);
  },
  'sends further requests after an abort': async (context) => {
    await endsWhenAborted(context, '/hang-in-body');
    equal('the body', (await context.send('/gzip', { bytes: 100 })).body, sized(100));
  },
  'ignores an abort after the response': async (context) => {
    const controller = new AbortController();
    const response = await context.send('/sized', { bytes: 100, signal: controller.signal });
    controller.abort();
    equal('the body', response.body, sized(100));
    equal('the status of the next', (await context.send('/echo')).status, 200);
  },
  'returns its own response to each of 50 concurrent requests': async (context) => {
    const bodies = Array.from({ length: 50 }, (_, index) => `token=${index}`);
    const responses = await Promise.all(bodies.map((body) => context.send('/echo', { body })));
    equal(
      'the bodies',
      responses.map(({ body }) => JSON.parse(body).body),
      bodies,
    );
  },
  'reuses its connections': async (context) => {
    const connections = new Set<number>();
    for (let i = 0; i < 10; i++) connections.add(JSON.parse((await context.send('/echo')).body).connection);
    // A transport need not reuse a connection immediately after its response.
    equal('that ten requests, one after the other, need at most three connections', connections.size <= 3, true);
  },
};

/** Aborts the request when it has arrived, and waits until the server sees the closed connection. */
async function endsWhenAborted(context: CaseContext, path: string): Promise<void> {
  const controller = new AbortController();
  const rejected = rejection('an abort', context.send(path, { signal: controller.signal }));
  await context.report('/arrived');
  controller.abort();
  await rejected;
  await context.report('/over');
}
