import { json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { Agent, type Dispatcher, EnvHttpProxyAgent, getGlobalDispatcher, MockAgent, setGlobalDispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { adapterOptions, nodeTransport, protect } from '../../src/adapter/index.js';
import { undiciTransport } from '../../src/extensions/undici/undici.js';
import { IntrospectionClient } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(json({ active: true, sub: 'mickey' }));
});
afterEach(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  await server.close();
});

const load = vi.fn(async () => ({ undiciTransport }));

/** Sends two requests through a new transport, and returns how often undici was loaded. */
async function loads(): Promise<number> {
  load.mockClear();
  const transport = nodeTransport(load);
  expect(load).not.toHaveBeenCalled();
  const client = new IntrospectionClient({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    transport,
  });
  for (const token of ['a', 'b']) expect(await client.introspect(token)).toMatchObject({ sub: 'mickey' });
  return load.mock.calls.length;
}

/** Makes this the global dispatcher while the function runs. */
async function withGlobalDispatcher<Result>(dispatcher: Dispatcher, run: () => Promise<Result>): Promise<Result> {
  const before = getGlobalDispatcher();
  setGlobalDispatcher(dispatcher);
  try {
    return await run();
  } finally {
    setGlobalDispatcher(before);
    await dispatcher.close();
  }
}

/** Sets the global dispatchers of the current and of an older undici while the function runs. */
async function withPlaces<Result>(
  [current, older]: (Dispatcher | undefined)[],
  run: () => Promise<Result>,
): Promise<Result> {
  const places = globalThis as { [place: symbol]: unknown };
  const names = [Symbol.for('undici.globalDispatcher.2'), Symbol.for('undici.globalDispatcher.1')] as const;
  const before = names.map((name) => places[name]);
  [places[names[0]], places[names[1]]] = [current, older];
  try {
    return await run();
  } finally {
    [places[names[0]], places[names[1]]] = before;
  }
}

describe('nodeTransport', () => {
  it('loads undici with the first request, once', async () => {
    expect(await loads()).toBe(1);
  });

  it('loads undici after the app has used fetch, which sets a global dispatcher by itself', async () => {
    await fetch(server.origin);
    expect(await loads()).toBe(1);
  });

  it('loads undici with a global Agent that has no options', async () => {
    expect(await withGlobalDispatcher(new Agent(), loads)).toBe(1);
  });

  it('loads undici if no program has set a global dispatcher', async () => {
    expect(await withPlaces([], loads)).toBe(1);
  });

  it('takes ofetch if only an older undici has a global dispatcher, which the app has set', async () => {
    const dispatcher = new EnvHttpProxyAgent();
    expect(await withPlaces([undefined, dispatcher], loads)).toBe(0);
    await dispatcher.close();
  });

  it('takes ofetch if the options of a global Agent are unknown', async () => {
    const usual = getGlobalDispatcher();
    class Agent {
      dispatch(...parameters: Parameters<Dispatcher['dispatch']>): boolean {
        return usual.dispatch(...parameters);
      }
    }
    const agent = new Agent() as Partial<Dispatcher> as Dispatcher;
    expect(await withPlaces([agent, agent], loads)).toBe(0);
  });

  it.each<[string, () => Dispatcher]>([
    ['an Agent with options', () => new Agent({ connect: { timeout: 60_000 } })],
    ['an Agent with an interceptor', () => new Agent().compose((dispatch) => dispatch)],
    ['an agent for proxies', () => new EnvHttpProxyAgent()],
  ])('takes ofetch if the global dispatcher is %s', async (_, dispatcher) => {
    expect(await withGlobalDispatcher(dispatcher(), loads)).toBe(0);
  });

  it('takes ofetch if the global dispatcher is a mock, so that a test can mock the server', async () => {
    const mock = new MockAgent();
    mock.disableNetConnect();
    mock
      .get(server.origin)
      .intercept({ path: new URL(server.introspectionEndpoint).pathname, method: 'POST' })
      .reply(200, { active: true, sub: 'mickey' }, { headers: { 'content-type': 'application/json' } })
      .times(2);
    expect(await withGlobalDispatcher(mock, loads)).toBe(0);
    expect(server.requests).toEqual([]);
  });

  it('takes ofetch with NODE_USE_ENV_PROXY', async () => {
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    expect(await loads()).toBe(0);
  });

  it.each([
    ['Bun', { versions: { node: '24.0.0', bun: '1.3.0' } }],
    ['Deno', { versions: { node: '24.0.0', deno: '2.5.0' } }],
    ['a runtime without process', undefined],
  ])('takes ofetch on %s', async (_, process) => {
    vi.stubGlobal('process', process);
    expect(await loads()).toBe(0);
  });

  it('takes ofetch on Cloudflare Workers, where process says that it is Node', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    expect(await loads()).toBe(0);
  });

  it('takes ofetch if undici cannot be loaded', async () => {
    const transport = nodeTransport(() => Promise.reject(new Error('Cannot find package')));
    const { introspectionEndpoint } = server;
    const client = new IntrospectionClient({ introspectionEndpoint, clientId: 'a', clientSecret: 's', transport });
    expect(await client.introspect('a')).toMatchObject({ sub: 'mickey' });
  });
});

describe('the transport of adapterOptions', () => {
  const optionsOf = () => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
  const ask = async (input: object) => {
    const adapterTransport = vi.fn(undiciTransport());
    const { source } = adapterOptions('introspect', input as never, [], adapterTransport);
    await protect(source)({ authorization: 'Bearer a', native: {} });
    return adapterTransport.mock.calls.length > 0;
  };

  it('an authorizer that the adapter makes uses it', async () => {
    expect(await ask(optionsOf())).toBe(true);
  });

  it('the option "transport" overrides it', async () => {
    expect(await ask({ ...optionsOf(), transport: undiciTransport() })).toBe(false);
  });

  it('a client that the app has made keeps its own', async () => {
    expect(await ask({ client: new IntrospectionClient(optionsOf()) })).toBe(false);
  });
});
