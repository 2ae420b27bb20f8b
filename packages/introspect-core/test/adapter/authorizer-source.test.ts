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

describe('adapterOptions', () => {
  const authorizer = () => new Authorizer(optionsOf());

  it('returns the adapter’s own options beside the source that the others describe', () => {
    const source = authorizer();
    const onError = () => {};
    const given = { authorizer: source, passPreflight: true, onError };
    expect(adapterOptions<unknown, { onError?: () => void }>(given, ['onError'])).toEqual({
      source: { authorizer: source, passPreflight: true },
      onError,
    });
    expect(adapterOptions({ ...optionsOf(), onError }, ['onError']).source).toBeInstanceOf(Authorizer);
  });

  it('takes an authorizer or a function in place of the options', () => {
    const source = authorizer();
    const choose = () => source;
    expect(adapterOptions(source, [])).toEqual({ source });
    expect(adapterOptions(choose, [])).toEqual({ source: choose });
  });

  it.each([undefined, null, 'options'])('rejects %j', (input) => {
    expect(() => adapterOptions(input as never, [])).toThrow(TypeError);
  });

  it('rejects an option that neither the adapter nor the authorizer knows', () => {
    const given = { ...optionsOf(), onFailure: 1 };
    expect(() => adapterOptions(given, ['onError' as never])).toThrow('"onFailure"');
  });
});

describe('checkPolicy', () => {
  it('checks what can be checked without an authorizer', () => {
    checkPolicy({ anyRole: ['admin'] });
    expect(() => checkPolicy({ scope: 'x' } as never)).toThrow('unknown option "scope"');
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
