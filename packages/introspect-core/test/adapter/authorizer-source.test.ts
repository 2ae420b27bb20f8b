import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type AuthorizerInput,
  adapterOptions,
  checkPolicy,
  resourceMetadataOf,
  splitOptions,
} from '../../src/adapter/index.js';
import { Authorizer } from '../../src/index.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(() => server.close());

const authorizerSource = (input: AuthorizerInput<unknown>) => adapterOptions('introspect', input).source;

const optionsOf = () => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });

describe('the source of adapterOptions', () => {
  it('adapterOptions returns an authorizer or a function unchanged, alone or as "authorizer"', () => {
    const authorizer = new Authorizer(optionsOf());
    const choose = () => authorizer;
    for (const source of [authorizer, choose]) {
      expect(authorizerSource(source)).toBe(source);
      expect(authorizerSource({ authorizer: source })).toBe(source);
    }
  });

  it('adapterOptions returns "passPreflight" together with the authorizer', () => {
    const authorizer = new Authorizer(optionsOf());
    for (const passPreflight of [true, false]) {
      expect(authorizerSource({ authorizer, passPreflight })).toEqual({ authorizer, passPreflight });
    }
  });

  it('adapterOptions creates an authorizer from options', () => {
    expect(authorizerSource(optionsOf())).toBeInstanceOf(Authorizer);
  });

  it.each([
    ['no options', undefined, 'introspect: pass the options as an object, or an Authorizer'],
    ['null', null, 'introspect: pass the options as an object'],
    ['a list', [], 'introspect: pass the options as an object'],
    ['bad options', { issuer: 'https://as.example.com', clientId: '' }, '"client'],
    [
      'a "passPreflight" that is not a boolean',
      { authorizer: () => {}, passPreflight: 'yes' },
      '"passPreflight" must be true or false',
    ],
    [
      'a "passPreflight" that is not a boolean, among options',
      { issuer: 'https://as.example.com', clientId: 'a', clientSecret: 's', passPreflight: 1 },
      '"passPreflight" must be true or false',
    ],
    [
      'an invalid "authorizer"',
      { authorizer: {} },
      /: "authorizer" must be an Authorizer, or a function that returns one for a request$/,
    ],
    [
      'an option together with an authorizer',
      { authorizer: () => {}, realm: 'x' },
      /^introspect: "realm" cannot be combined with "authorizer": set it where the authorizer is made$/,
    ],
  ])('adapterOptions rejects %s', (_, input, message) => {
    expect(() => authorizerSource(input as never)).toThrow(TypeError);
    expect(() => authorizerSource(input as never)).toThrow(message);
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
  it('splitOptions returns the named members and the rest, and does not change its argument', () => {
    const given = Object.freeze({ onError: 1, realm: 'r' });
    expect(splitOptions(given, ['onError'])).toEqual([{ onError: 1 }, { realm: 'r' }]);
    expect(splitOptions(given as { onError: number; other?: 1 }, ['other'])).toEqual([{}, given]);
  });

  it('splitOptions throws a TypeError that names an inherited member', () => {
    const split = () => splitOptions(Object.create({ onError: 1 }) as { onError: 1 }, ['onError']);
    expect(split).toThrow(TypeError);
    expect(split).toThrow('"onError" is inherited');
  });

  it('splitOptions preserves other inherited options, so that the authorizer rejects them by name', () => {
    const [, others] = splitOptions(Object.assign(new Extras(), optionsOf()), ['onError']);
    expect(() => authorizerSource(others)).toThrow('Authorizer: "audience" is inherited');
  });

  it('splitOptions preserves members that are not enumerable', () => {
    const given = Object.defineProperty({ onError: 1 }, 'audience', { value: 'a', enumerable: false });
    const [, others] = splitOptions(given, ['onError']);
    expect(others).toHaveProperty('audience', 'a');
  });
});

describe('the source of adapterOptions', () => {
  it.each([
    [
      'an own property',
      (authorizer: Authorizer) => ({ authorizer, realm: 'r' }),
      'introspect: "realm" cannot be combined with "authorizer"',
    ],
    [
      'an inherited property',
      (authorizer: Authorizer) => Object.assign(Object.create({ audience: 'a' }), { authorizer }),
      '"audience" is inherited',
    ],
    [
      'a getter of a class',
      (authorizer: Authorizer) => Object.assign(new Extras(), { authorizer }),
      'introspect: "onError" cannot be combined with "authorizer"',
    ],
    [
      'a getter of a class without own properties',
      (authorizer: Authorizer) => Object.assign(new WithGetter(), { authorizer }),
      'introspect: "audience" cannot be combined with "authorizer"',
    ],
    ['an inherited authorizer', (authorizer: Authorizer) => Object.create({ authorizer }), '"authorizer" is inherited'],
  ])('adapterOptions rejects an option together with an authorizer: %s', (_, inputOf, message) => {
    const input = inputOf(new Authorizer(optionsOf()));
    expect(() => authorizerSource(input)).toThrow(TypeError);
    expect(() => authorizerSource(input)).toThrow(message);
  });

  it('adapterOptions accepts an authorizer in an object without a prototype', () => {
    const authorizer = new Authorizer(optionsOf());
    expect(authorizerSource(Object.assign(Object.create(null), { authorizer }))).toBe(authorizer);
  });
});

describe('adapterOptions', () => {
  const authorizer = () => new Authorizer(optionsOf());

  it('adapterOptions returns the options of the adapter and the source that the other options describe', () => {
    const shared = authorizer();
    const given = { authorizer: shared, passPreflight: true, global: true };
    expect(adapterOptions<unknown, { global?: boolean }>('introspect', given, ['global'])).toMatchObject({
      source: { authorizer: shared, passPreflight: true },
      authorizer: shared,
      extras: { global: true },
    });
    const made = adapterOptions<unknown, { global?: boolean }>('introspect', { ...optionsOf(), global: true }, [
      'global',
    ]);
    expect(made.source).toBeInstanceOf(Authorizer);
    expect(made.authorizer).toBe(made.source);
  });

  it('adapterOptions accepts an authorizer or a function in place of options', () => {
    const shared = authorizer();
    const choose = () => shared;
    expect(adapterOptions('introspect', shared)).toMatchObject({ source: shared, authorizer: shared, extras: {} });
    expect(adapterOptions('introspect', choose)).toMatchObject({ source: choose, authorizer: undefined, extras: {} });
  });

  it('close: closes the authorizer that was made of options, and leaves a given one open', async () => {
    const close = vi.fn(async () => {});
    const store = { get: async () => undefined, set: async () => {}, delete: async () => {}, close };
    const options = { ...optionsOf(), cache: { maxAgeSeconds: 60, store } };
    await adapterOptions('introspect', new Authorizer(options)).close();
    expect(close).not.toHaveBeenCalled();
    await adapterOptions('introspect', options).close();
    expect(close).toHaveBeenCalledTimes(1);
  });

  it('adapterOptions rejects an unknown option, and names all options of what the user has called', () => {
    const given = { ...optionsOf(), cach: { maxAgeSeconds: 60 } };
    const make = () => adapterOptions<unknown, { global?: boolean }>('introspect', given, ['global']);
    expect(make).toThrow(
      /^introspect: unknown option "cach"; known options: global, authorizer, client, audience, .*issuer.*; did you mean "cache"\?$/,
    );
  });
});

describe('checkPolicy', () => {
  it('checkPolicy rejects an unknown member, and accepts roles without an authorizer', () => {
    checkPolicy({ anyRole: ['admin'] });
    expect(() => checkPolicy({ scope: 'x' } as never)).toThrow('unknown option "scope"');
  });
});

describe('resourceMetadataOf', () => {
  it('resourceMetadataOf returns document and path of an authorizer, and throws for a function', () => {
    const authorizer = new Authorizer({ ...optionsOf(), resource: 'https://api.example.com/v1' });
    expect(resourceMetadataOf(authorizer)).toMatchObject({
      path: '/.well-known/oauth-protected-resource/v1',
      document: { resource: 'https://api.example.com/v1', authorization_servers: [server.origin] },
    });
    expect(resourceMetadataOf({ authorizer, passPreflight: true }).path).toBe(
      '/.well-known/oauth-protected-resource/v1',
    );
    expect(() => resourceMetadataOf(() => authorizer)).toThrow(
      new TypeError('"serveResourceMetadata" needs one Authorizer, not a function that chooses among several'),
    );
  });
});
