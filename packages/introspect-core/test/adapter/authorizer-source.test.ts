import { type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  adapterOptions,
  authorizerSource,
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

const optionsOf = () => ({ issuer: server.origin, clientId: 'api', clientSecret: 'secret' });

describe('authorizerSource', () => {
  it('authorizerSource returns an authorizer or a function unchanged, alone or as "authorizer"', () => {
    const authorizer = new Authorizer(optionsOf());
    const choose = () => authorizer;
    for (const source of [authorizer, choose]) {
      expect(authorizerSource(source)).toBe(source);
      expect(authorizerSource({ authorizer: source })).toBe(source);
    }
  });

  it('authorizerSource returns "passPreflight" together with the authorizer', () => {
    const authorizer = new Authorizer(optionsOf());
    for (const passPreflight of [true, false]) {
      expect(authorizerSource({ authorizer, passPreflight })).toEqual({ authorizer, passPreflight });
    }
  });

  it('authorizerSource creates an authorizer from options', () => {
    expect(authorizerSource(optionsOf())).toBeInstanceOf(Authorizer);
  });

  it.each([
    ['no options', undefined, 'is missing'],
    ['null', null, 'is missing'],
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
    ['an invalid "authorizer"', { authorizer: {} }, '"authorizer" must be an Authorizer'],
    [
      'an option together with an authorizer',
      { authorizer: () => {}, realm: 'x' },
      '"realm" is no option beside "authorizer"',
    ],
  ])('authorizerSource rejects %s', (_, input, message) => {
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

describe('authorizerSource', () => {
  it.each([
    [
      'an own property',
      (authorizer: Authorizer) => ({ authorizer, realm: 'r' }),
      '"realm" is no option beside "authorizer"',
    ],
    [
      'an inherited property',
      (authorizer: Authorizer) => Object.assign(Object.create({ audience: 'a' }), { authorizer }),
      '"audience" is inherited',
    ],
    [
      'a getter of a class',
      (authorizer: Authorizer) => Object.assign(new Extras(), { authorizer }),
      '"onError" is no option beside "authorizer"',
    ],
    [
      'a getter of a class without own properties',
      (authorizer: Authorizer) => Object.assign(new WithGetter(), { authorizer }),
      '"audience" is no option beside "authorizer"',
    ],
    ['an inherited authorizer', (authorizer: Authorizer) => Object.create({ authorizer }), '"authorizer" is inherited'],
  ])('authorizerSource rejects an option together with an authorizer: %s', (_, inputOf, message) => {
    const input = inputOf(new Authorizer(optionsOf()));
    expect(() => authorizerSource(input)).toThrow(TypeError);
    expect(() => authorizerSource(input)).toThrow(message);
  });

  it('authorizerSource accepts an authorizer in an object without a prototype', () => {
    const authorizer = new Authorizer(optionsOf());
    expect(authorizerSource(Object.assign(Object.create(null), { authorizer }))).toBe(authorizer);
  });
});

describe('adapterOptions', () => {
  const authorizer = () => new Authorizer(optionsOf());

  it('adapterOptions returns the options of the adapter and the source that the other options describe', () => {
    const source = authorizer();
    const onError = () => {};
    const given = { authorizer: source, passPreflight: true, onError };
    expect(adapterOptions<unknown, { onError?: () => void }>(given, ['onError'])).toEqual({
      source: { authorizer: source, passPreflight: true },
      onError,
    });
    expect(adapterOptions({ ...optionsOf(), onError }, ['onError']).source).toBeInstanceOf(Authorizer);
  });

  it('adapterOptions accepts an authorizer or a function in place of options', () => {
    const source = authorizer();
    const choose = () => source;
    expect(adapterOptions(source, [])).toEqual({ source });
    expect(adapterOptions(choose, [])).toEqual({ source: choose });
  });

  it.each([undefined, null, 'options'])('adapterOptions rejects %j', (input) => {
    expect(() => adapterOptions(input as never, [])).toThrow(TypeError);
  });

  it('adapterOptions rejects an option that neither the adapter nor the authorizer knows', () => {
    const given = { ...optionsOf(), onFailure: 1 };
    expect(() => adapterOptions(given, ['onError' as never])).toThrow('"onFailure"');
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
    expect(() => resourceMetadataOf(() => authorizer)).toThrow('needs one Authorizer');
  });
});
