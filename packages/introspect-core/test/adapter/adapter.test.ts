import { active, hangBeforeHeaders, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AuthorizerSource,
  authorizerSource,
  checkPolicy,
  errorAnswer,
  guardBySource,
  isAtOnce,
  isHangUp,
  isRequestError,
  resourceMetadataOf,
  splitOptions,
} from '../../src/adapter/adapter.js';
import { Authorizer, InvalidTokenError, UnavailableError } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.always(active({ sub: 'mickey' }));
});
afterEach(() => server.close());

const optionsOf = () => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });
const request = (native: object, authorization = 'Bearer good') => ({ authorization, native });

describe('authorizerSource', () => {
  it('takes an authorizer or a function as it is, alone or by name', () => {
    const authorizer = new Authorizer(optionsOf());
    const choose = () => authorizer;
    for (const source of [authorizer, choose]) {
      expect(authorizerSource(source)).toBe(source);
      expect(authorizerSource({ authorizer: source })).toBe(source);
    }
  });

  it('keeps "passPreflight" beside an authorizer or a function', () => {
    const authorizer = new Authorizer(optionsOf());
    for (const passPreflight of [true, false]) {
      expect(authorizerSource({ authorizer, passPreflight })).toEqual({ authorizer, passPreflight });
    }
  });

  it('makes an authorizer of options', () => {
    expect(authorizerSource(optionsOf())).toBeInstanceOf(Authorizer);
  });

  it.each([
    ['no options', undefined, 'is missing'],
    ['null', null, 'is missing'],
    ['bad options', { issuer: 'https://as.example.com', clientId: '' }, '"client'],
    [
      '"passPreflight" that is no boolean',
      { authorizer: () => {}, passPreflight: 'yes' },
      '"passPreflight" must be true or false',
    ],
    [
      '"passPreflight" that is no boolean among the options',
      { issuer: 'https://as.example.com', clientId: 'a', clientSecret: 's', passPreflight: 1 },
      '"passPreflight" must be true or false',
    ],
    ['something else by name', { authorizer: {} }, '"authorizer" must be an Authorizer'],
    [
      'an option beside an authorizer',
      { authorizer: () => {}, realm: 'x' },
      '"realm" is no option beside "authorizer"',
    ],
  ])('refuses %s', (_, input, message) => {
    expect(() => authorizerSource(input as never)).toThrow(TypeError);
    expect(() => authorizerSource(input as never)).toThrow(message);
  });
});

describe('isAtOnce', () => {
  it('takes nothing for a token but one', () => {
    const inherits = Object.create({ active: true });
    expect([undefined, null, { active: true }].map((outcome) => isAtOnce(outcome as never))).toEqual([
      true,
      true,
      true,
    ]);
    const others = [Promise.resolve(), { active: false }, { active: 1 }, inherits, {}];
    expect(others.map((outcome) => isAtOnce(outcome as never))).toEqual([false, false, false, false, false]);
  });
});

describe('guardBySource', () => {
  it('checks the policy when it is made', () => {
    expect(() => guardBySource(() => new Authorizer(optionsOf()), { scopes: ['a b'] })).toThrow('Policy: "scopes"');
    expect(() => guardBySource(new Authorizer(optionsOf()), { anyRole: ['admin'] })).toThrow('"rolesOf"');
  });

  it('gives the token', async () => {
    const guard = guardBySource(new Authorizer(optionsOf()));
    await expect(guard(request({}))).resolves.toMatchObject({ sub: 'mickey' });
  });

  it('lets a function choose the authorizer by the framework’s request, and prepares the policy once for each', async () => {
    const tenants = { a: new Authorizer(optionsOf()), b: new Authorizer({ ...optionsOf(), audience: 'b' }) };
    const guard = guardBySource<{ tenant: 'a' | 'b' }>(async ({ tenant }) => tenants[tenant]);
    await expect(guard({ authorization: 'Bearer x', native: { tenant: 'a' } })).resolves.toMatchObject({
      sub: 'mickey',
    });
    await expect(guard({ authorization: 'Bearer x', native: { tenant: 'a' } })).resolves.toMatchObject({
      sub: 'mickey',
    });
    await expect(guard({ authorization: 'Bearer x', native: { tenant: 'b' } })).rejects.toMatchObject({
      reason: 'audience_mismatch',
    });
  });
});

class WithGetter {
  get audience() {
    return 'a';
  }
}

class Extras extends WithGetter {
  readonly onError = 1;
  readonly realm = 'r';
}

describe('splitOptions', () => {
  it('returns the named members and the rest, and does not change its argument', () => {
    const given = Object.freeze({ onError: 1, realm: 'r' });
    expect(splitOptions(given, ['onError'])).toEqual([{ onError: 1 }, { realm: 'r' }]);
    expect(splitOptions(given as { onError: number; other?: 1 }, ['other'])).toEqual([{}, given]);
  });

  it('throws a TypeError that names an inherited member', () => {
    const split = () => splitOptions(Object.create({ onError: 1 }) as { onError: 1 }, ['onError']);
    expect(split).toThrow(TypeError);
    expect(split).toThrow('"onError" is inherited');
  });

  it('keeps other inherited options, so that the authorizer rejects them by name', () => {
    const [, others] = splitOptions(Object.assign(new Extras(), optionsOf()), ['onError']);
    expect(() => authorizerSource(others)).toThrow('Authorizer: "audience" is inherited');
  });

  it('keeps members that are not enumerable', () => {
    const given = Object.defineProperty({ onError: 1 }, 'audience', { value: 'a', enumerable: false });
    const [, others] = splitOptions(given, ['onError']);
    expect(others).toHaveProperty('audience', 'a');
  });
});

describe('authorizerSource', () => {
  it.each([
    ['its own', (authorizer: Authorizer) => ({ authorizer, realm: 'r' }), '"realm" is no option beside "authorizer"'],
    [
      'one that is inherited',
      (authorizer: Authorizer) => Object.assign(Object.create({ audience: 'a' }), { authorizer }),
      '"audience" is inherited',
    ],
    [
      'a getter of a class',
      (authorizer: Authorizer) => Object.assign(new Extras(), { authorizer }),
      '"onError" is no option beside "authorizer"',
    ],
    [
      'a getter of a class, alone',
      (authorizer: Authorizer) => Object.assign(new WithGetter(), { authorizer }),
      '"audience" is no option beside "authorizer"',
    ],
    [
      'an authorizer that is inherited',
      (authorizer: Authorizer) => Object.create({ authorizer }),
      '"authorizer" is inherited',
    ],
  ])('refuses an option beside an authorizer: %s', (_, inputOf, message) => {
    const input = inputOf(new Authorizer(optionsOf()));
    expect(() => authorizerSource(input)).toThrow(TypeError);
    expect(() => authorizerSource(input)).toThrow(message);
  });

  it('accepts an authorizer in an object without prototype', () => {
    const authorizer = new Authorizer(optionsOf());
    expect(authorizerSource(Object.assign(Object.create(null), { authorizer }))).toBe(authorizer);
  });
});

describe('guardBySource, for a CORS preflight', () => {
  const fields: Record<string, string> = { origin: 'https://app.example', 'access-control-request-method': 'GET' };
  const preflight = (present = Object.keys(fields)) => ({
    authorization: null,
    method: 'OPTIONS',
    header: (name: string) => (present.includes(name) ? [fields[name] ?? ''] : []),
    native: {},
  });
  const own = (passPreflight?: boolean) =>
    new Authorizer({ ...optionsOf(), ...(passPreflight !== undefined && { passPreflight }) });
  const chosen = (passPreflight?: boolean) => async () => own(passPreflight);

  it.each<[string, () => AuthorizerSource<object>]>([
    ['by default', () => own()],
    ['when a function chooses the authorizer', () => chosen()],
    ['with "passPreflight" of the authorizer false', () => own(false)],
    ['with "passPreflight" beside the authorizer false', () => ({ authorizer: own(true), passPreflight: false })],
    ['with "passPreflight" beside a function false', () => ({ authorizer: chosen(true), passPreflight: false })],
  ])('rejects it without a token, %s', async (_, source) => {
    const guard = guardBySource(source());
    await expect(async () => guard(preflight())).rejects.toMatchObject({ code: 'missing_token', status: 401 });
    await expect(guard({ ...preflight(), authorization: 'Bearer good' })).resolves.toMatchObject({ sub: 'mickey' });
  });

  it.each<[string, () => AuthorizerSource<object>]>([
    ['of the authorizer', () => own(true)],
    ['of the authorizer that a function chooses', () => chosen(true)],
    ['beside the authorizer', () => ({ authorizer: own(false), passPreflight: true })],
    ['beside a function', () => ({ authorizer: chosen(false), passPreflight: true })],
  ])('lets it pass without a token and without a request to the server, with "passPreflight" %s', async (_, source) => {
    const guard = guardBySource(source());
    expect(await guard(preflight())).toBeUndefined();
    expect(server.requests).toEqual([]);
    await expect(async () => guard(preflight(['origin']))).rejects.toMatchObject({ code: 'missing_token' });
    await expect(async () => guard({ ...preflight(), method: 'GET' })).rejects.toMatchObject({ code: 'missing_token' });
  });

  it('does not call the function that chooses the authorizer when "passPreflight" is set next to it', async () => {
    const authorizer = () => {
      throw new Error('not called');
    };
    expect(await guardBySource({ authorizer, passPreflight: true })(preflight())).toBeUndefined();
  });
});

describe('checkPolicy', () => {
  it('checks what can be checked without an authorizer', () => {
    checkPolicy({ anyRole: ['admin'] });
    expect(() => checkPolicy({ scope: 'x' } as never)).toThrow('"scope" is no option');
  });
});

describe('resourceMetadataOf', () => {
  it('gives document and path of one authorizer, and needs one', () => {
    const authorizer = new Authorizer({ ...optionsOf(), resource: 'https://api.example.com/v1' });
    expect(resourceMetadataOf(authorizer)).toMatchObject({
      path: '/.well-known/oauth-protected-resource/v1',
      document: { resource: 'https://api.example.com/v1', authorization_servers: [server.origin] },
    });
    expect(resourceMetadataOf({ authorizer, passPreflight: true }).path).toBe(
      '/.well-known/oauth-protected-resource/v1',
    );
    expect(() => resourceMetadataOf(() => authorizer)).toThrow('needs one Authorizer');
  });
});

describe('an error', () => {
  it('is ours or the framework’s', () => {
    expect([new UnavailableError('m'), new InvalidTokenError('expired')].map(isRequestError)).toEqual([true, true]);
    expect([new Error('m'), null].map(isRequestError)).toEqual([false, false]);
  });

  it('says that the caller has hung up when it is the reason of the request’s own aborted signal', async () => {
    server.always(hangBeforeHeaders());
    const controller = new AbortController();
    const context = { ...request({}), signal: controller.signal };
    const guarded = Promise.resolve(guardBySource(new Authorizer(optionsOf()))(context)).catch((error) => error);
    await server.question(1);
    controller.abort();
    expect(isHangUp(await guarded, context)).toBe(true);
    expect(isHangUp(new DOMException('another', 'AbortError'), context)).toBe(false);
    expect(isHangUp(undefined, request({}))).toBe(false);
    expect(isHangUp(undefined, { ...context, signal: new AbortController().signal })).toBe(false);
  });

  it('gives status, fields and body as they are to be written', () => {
    expect(errorAnswer(new UnavailableError('m', 7))).toEqual({
      status: 503,
      headers: [
        ['Cache-Control', 'no-store'],
        ['Retry-After', '7'],
      ],
      body: '{"error":"temporarily_unavailable"}',
    });
  });
});

describe('what a function chooses', () => {
  it('must be an Authorizer', async () => {
    const guard = guardBySource<object>(() => undefined as never);
    await expect(guard(request({}))).rejects.toThrow('gave no Authorizer');
  });
});

describe('two guards that see the same request', () => {
  it('share an answer for 5 s and no longer', async () => {
    let clock = 0;
    const guard = guardBySource(new Authorizer({ ...optionsOf(), monotonicNow: () => clock }));
    const native = {};
    await guard(request(native));
    clock = 4999;
    await guard(request(native));
    expect(server.questions).toHaveLength(1);
    clock = 5000;
    await guard(request(native));
    expect(server.questions).toHaveLength(2);
  });
});
