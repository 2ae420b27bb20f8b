import { validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bearerChallenge, type ChallengeParameters, challengeProblem } from '../../src/errors/challenge.js';
import { Authorizer } from '../../src/index.js';
import { vectors } from '../support/vectors.js';

type ChallengeVector = { id: string; scope?: 'later' } & (
  | {
      kind: 'build';
      challenges: [{ params: Omit<ChallengeParameters, 'max_age'> & { max_age?: string } }];
      wwwAuthenticate: string[];
      forbiddenParams?: string[];
    }
  | { kind: 'buildError'; input: string }
  | { kind: 'parse' }
);

/** Returns the parameter names of a challenge, in order. Fails if it is not a challenge (RFC 9110 §11.6.1). */
function namesIn(challenge: string): string[] {
  const parameter = /([a-z_]+)="(?:[^"\\]|\\.)*"/g;
  expect(challenge.replaceAll(parameter, 'p')).toMatch(/^Bearer p(, p)*$/);
  return [...challenge.matchAll(parameter)].map(([, name = '']) => name);
}

describe('challenges', () => {
  const all = vectors<ChallengeVector>('challenges');
  const now = all.filter(({ scope }) => scope !== 'later');

  it.each(now.filter((vector) => vector.kind === 'build'))(
    'the challenge vector $id is built as expected',
    ({ challenges, wwwAuthenticate, forbiddenParams = [] }) => {
      const [{ params }] = challenges;
      const { max_age, ...others } = params;
      const challenge = bearerChallenge({ ...others, ...(max_age && { max_age: Number(max_age) }) });
      expect([challenge]).toEqual(wwwAuthenticate);
      expect(namesIn(challenge).filter((name) => forbiddenParams.includes(name))).toEqual([]);
    },
  );

  it.each(now.filter((vector) => vector.kind === 'buildError'))(
    'the challenge vector $id is rejected when it is configured',
    ({ input }) => {
      const [, name, source] = /\{(\w+):'(.*)'\}/.exec(input) ?? [];
      const value = JSON.parse(`"${source}"`);
      const options = { introspectionEndpoint: 'https://as.example.com', clientId: 'c', clientSecret: 's' };
      const configure = (given: { realm?: string; scopes?: string[] }) => () =>
        new Authorizer({ ...options, ...(given.realm && { realm: given.realm }) }).guard({
          ...(given.scopes && { scopes: given.scopes }),
        });
      if (name === 'realm') return expect(configure({ realm: value })).toThrow('Authorizer: "realm" must');
      expect(configure({ scopes: [value] })).toThrow('Policy: "scopes" must');
      expect(configure({ scopes: value.split(' ') })).toThrow('Policy: "scopes" must');
    },
  );

  it('the challenge vectors that do not apply are exactly those about DPoP and about parsing', () => {
    const later = all.filter(({ scope }) => scope === 'later');
    expect(later.filter(({ kind }) => kind !== 'parse').map(({ id }) => id)).toEqual([
      'dpop-no-credentials',
      'dpop-and-bearer-no-credentials',
      'dpop-and-bearer-bad-bearer',
      'dpop-bad-proof',
      'dpop-nonce',
    ]);
    expect(later.filter(({ kind }) => kind === 'parse')).toEqual(all.filter(({ kind }) => kind === 'parse'));
  });
});

describe('bearerChallenge', () => {
  it('bearerChallenge never returns the scheme alone', () => {
    expect(bearerChallenge({})).toBe('Bearer realm="api"');
    expect(bearerChallenge({ realm: undefined, error: undefined })).toBe('Bearer realm="api"');
  });

  it('bearerChallenge writes its parameters in one order, whatever the order of the input', () => {
    const parameters: ChallengeParameters = {
      resource_metadata: 'https://api.example.com/m',
      max_age: 0,
      acr_values: 'a',
      scope: 's',
      error_description: 'd',
      error: 'e',
      realm: 'r',
    };
    expect(bearerChallenge(parameters)).toBe(
      'Bearer realm="r", error="e", error_description="d", scope="s", acr_values="a", max_age="0", ' +
        'resource_metadata="https://api.example.com/m"',
    );
  });

  it('bearerChallenge cuts a description after 200 characters', () => {
    expect(bearerChallenge({ error_description: 'a'.repeat(201) })).toBe(
      `Bearer error_description="${'a'.repeat(200)}"`,
    );
  });

  it('bearerChallenge returns a legal field value with each parameter once, for any description and accepted realm', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'a"\\, =\r\n\u0000\u00ff') }),
      fc.constant('", error="invalid_token'),
    );
    const property = fc.property(text, text, (error_description, realm) => {
      const accepted = challengeProblem('realm', realm) === undefined ? { realm } : {};
      const challenge = bearerChallenge({ ...accepted, error: 'invalid_token', error_description });
      validateHeaderValue('WWW-Authenticate', challenge);
      expect(namesIn(challenge)).toEqual([...Object.keys(accepted), 'error', 'error_description']);
    });
    fc.assert(property, { numRuns: 1000 });
  });
});

describe('challengeProblem', () => {
  it.each<[...Parameters<typeof challengeProblem>, string | undefined]>([
    ['realm', 'a "quoted" \\ realm', undefined],
    ['realm', '', 'must not be empty'],
    ['realm', 'tab\t', 'must be of printable ASCII characters'],
    ['realm', 'x\n', 'must be of printable ASCII characters'],
    ['realm', 'ü', 'must be of printable ASCII characters'],
    ['realm', 'a'.repeat(2048), undefined],
    ['realm', 'a'.repeat(2049), 'must be no longer than 2048 characters altogether'],
    ['scope', 'a b!#[]~', undefined],
    ['scope', '', 'must not be empty'],
    ['scope', 'a  b', 'without spaces, double quotes and backslashes'],
    ['scope', ' a', 'without spaces, double quotes and backslashes'],
    ['scope', 'a ', 'without spaces, double quotes and backslashes'],
    ['scope', '"', 'without spaces, double quotes and backslashes'],
    ['scope', 'a\n', 'without spaces, double quotes and backslashes'],
    ['scope', '\x7f', 'without spaces, double quotes and backslashes'],
    ['scope', 'a'.repeat(2049), 'must be no longer than'],
    ['acr_values', 'urn:a urn:b', undefined],
    ['acr_values', '\\', 'without spaces, double quotes and backslashes'],
  ])('challengeProblem for %s %j returns %s', (name, value, problem) => {
    if (problem === undefined) expect(challengeProblem(name, value)).toBeUndefined();
    else expect(challengeProblem(name, value)).toContain(problem);
  });
});
