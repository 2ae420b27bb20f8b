import { inactive, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authorizer, bearerToken, type Credentials, InvalidRequestError, InvalidTokenError } from '../../src/index.js';
import { isPreflight } from '../../src/request/preflight.js';
import { vectors } from '../support/vectors.js';

interface Outcome {
  result: 'token' | 'none' | 'invalid_request' | 'invalid_token' | 'bypass';
  token?: string;
}

interface HeaderVector {
  id: string;
  input?: Credentials;
  inputGenerator?: { prefix: string; repeat: string; count: number; suffix?: string };
  expect: Outcome;
  scope?: 'later';
}

interface LocationVector {
  id: string;
  request: { method: string; url?: string; authorization?: string; headers?: Record<string, string> };
  config: { form: boolean; query: boolean };
  expect: Outcome;
  scope?: 'later';
}

/** Returns the outcome of bearerToken. Rethrows any error except its two. */
function outcomeOf(credentials: Credentials): Outcome {
  try {
    const token = bearerToken(credentials);
    return token === undefined ? { result: 'none' } : { result: 'token', token };
  } catch (error) {
    if (error instanceof InvalidRequestError || error instanceof InvalidTokenError) return { result: error.code };
    throw error;
  }
}

function expected({ result, token }: Outcome): Outcome {
  return token === undefined ? { result } : { result, token };
}

describe('authorization-headers', () => {
  const all = vectors<HeaderVector>('authorization-headers');

  it.each(all.filter(({ scope }) => scope !== 'later'))(
    'the test vector $id has the expected outcome',
    ({ input, inputGenerator, expect: outcome }) => {
      const generated = inputGenerator && { suffix: '', ...inputGenerator };
      const credentials = generated
        ? generated.prefix + generated.repeat.repeat(generated.count) + generated.suffix
        : input;
      expect(outcomeOf(credentials)).toEqual(expected(outcome));
    },
  );

  it('the header vectors that do not apply are exactly those about DPoP', () => {
    const excluded = all.filter(({ scope }) => scope === 'later').map(({ id }) => id);
    expect(excluded).toEqual(['dpop', 'dpop-only', 'dpop-comma']);
  });
});

describe('access-token-locations', () => {
  const all = vectors<LocationVector>('access-token-locations');
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await startScriptedServer();
    server.always(inactive());
  });
  afterEach(() => server.close());

  it.each(all.filter(({ scope }) => scope !== 'later'))(
    'the test vector $id has the expected outcome',
    async ({ request, expect: outcome }) => {
      const { headers = {}, authorization, ...rest } = request;
      const context = { ...rest, authorization, header: (name: string) => (headers[name] ? [headers[name]] : []) };
      expect(isPreflight(context)).toBe(outcome.result === 'bypass');
      if (outcome.result === 'bypass') return;
      const { introspectionEndpoint } = server;
      const authorizer = new Authorizer({ introspectionEndpoint, clientId: 'api', clientSecret: 'secret' });
      const code = outcome.result === 'none' ? 'missing_token' : 'invalid_token';
      await expect(authorizer.authorize(context)).rejects.toMatchObject({ code });
      expect(server.introspections.map(({ form }) => form.get('token'))).toEqual(outcome.token ? [outcome.token] : []);
    },
  );

  it('the location vectors that do not apply need a token in query or form, which the core does not support', () => {
    const excluded = all.filter(({ scope }) => scope === 'later');
    expect(excluded.filter(({ config }) => !config.query && !config.form)).toEqual([]);
    expect(excluded).toHaveLength(all.length - 5);
  });
});

describe('bearerToken', () => {
  it('bearerToken accepts a token of 8192 characters, and rejects one of 8193', () => {
    const longest = 'a'.repeat(8192);
    expect(bearerToken(`Bearer ${longest}`)).toBe(longest);
    expect(() => bearerToken(`Bearer ${longest}a`)).toThrow(
      expect.objectContaining({ name: 'InvalidTokenError', reason: 'too_long' }),
    );
    expect(() => bearerToken('Bearer a!')).toThrow(expect.objectContaining({ reason: 'malformed' }));
  });

  it.each([...'!#-0Za~:=\u00a0'])('bearerToken treats "Bearer" followed by %j as another scheme', (character) => {
    expect(bearerToken(`Bearer${character}=a`)).toBeUndefined();
  });

  it('bearerToken does not count the spaces around a token', () => {
    const longest = 'a'.repeat(8192);
    expect(bearerToken(`Bearer${' '.repeat(9000)}${longest}${' '.repeat(9000)}`)).toBe(longest);
  });

  it('bearerToken puts the given challenge into its errors', () => {
    for (const credentials of [['Bearer a', 'Bearer b'], 'Bearer', 'Bearer\ta', 'Bearer a b', 'Basic a, Bearer b']) {
      expect(() => bearerToken(credentials, { realm: 'r' })).toThrow(
        expect.objectContaining({ headers: new InvalidRequestError({ realm: 'r' }).headers }),
      );
    }
    for (const [reason, token] of [
      ['too_long', 'a'.repeat(8193)],
      ['malformed', '!'],
    ] as const) {
      expect(() => bearerToken(`Bearer ${token}`, { realm: 'r' })).toThrow(
        expect.objectContaining({ headers: new InvalidTokenError(reason, { realm: 'r' }).headers }),
      );
    }
  });

  it('bearerToken throws only its two errors, and returns only a b64token, for any input', () => {
    const text = fc.string({ unit: 'binary' });
    const likely = fc.string({ unit: fc.constantFrom(...' \t,="\\aB9-._~+/\r\n') });
    const line = fc.oneof(
      text,
      likely,
      likely.map((rest) => `Bearer ${rest}`),
      text.map((rest) => `bearer ${rest}`),
    );
    const property = fc.property(fc.oneof(line, fc.array(line, { maxLength: 3 })), (credentials) => {
      const { result, token } = outcomeOf(credentials);
      if (result === 'token') expect(token).toMatch(/^[A-Za-z0-9._~+/-]{1,8192}=*$/);
    });
    fc.assert(property, { numRuns: 2000 });
  });

  it('bearerToken returns each b64token, whatever the case of its scheme and the space around it', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/';
    const property = fc.property(
      fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1 }),
      fc.nat({ max: 3 }),
      fc.mixedCase(fc.constant('Bearer')),
      fc.string({ unit: fc.constantFrom(' ', '\t') }),
      (characters, padding, scheme, space) => {
        const token = characters + '='.repeat(padding);
        expect(bearerToken(`${space}${scheme} ${token}${space}`)).toBe(token);
      },
    );
    fc.assert(property);
  });

  it.each([
    ['the scheme of a bearer token', `Bearer${' '.repeat(2 ** 20)}`],
    ['space in front of nothing', '\t'.repeat(2 ** 20)],
    ['space within', `Bearer a${' '.repeat(2 ** 20)}b`],
    ['padding', `Bearer a${'='.repeat(2 ** 20)}!`],
    ['commas', `Basic a${','.repeat(2 ** 20)}`],
    ['parameters', `Digest a=b${', a=b'.repeat(2 ** 18)}`],
    ['a parameter that never comes to its value', `Digest a=b,${'a'.repeat(2 ** 20)}`],
    ['space before and after a name', `Digest a=b,${' '.repeat(2 ** 19)}a${' '.repeat(2 ** 19)}`],
    ['quotation marks', `Digest a=${'"'.repeat(2 ** 20)}`],
    ['backslashes in a quoted string', `Digest a="${'\\'.repeat(2 ** 20)}`],
  ])('bearerToken reads a mebibyte of %s in linear time', (_, line) => {
    expect(outcomeOf(line).result).not.toBe('token');
  });
});

describe('two sets of credentials', () => {
  const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019-._~'), minLength: 1, maxLength: 6 });
  const quoted = fc
    .string({ unit: fc.constantFrom(...'ab,= "\\Bearer'), maxLength: 12 })
    .map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`);
  const parameter = fc
    .tuple(word, fc.constantFrom('=', ' = '), fc.oneof(word, quoted))
    .map(([name, equals, value]) => name + equals + value);
  const parameters = fc
    .tuple(fc.array(parameter, { minLength: 1, maxLength: 4 }), fc.constantFrom(',', ', ', ' ,\t'))
    .map(([each, comma]) => each.join(comma));
  const token68 = fc.tuple(word, fc.constantFrom('', '=', '==')).map((parts) => parts.join(''));
  const scheme = fc.oneof(fc.constantFrom('Basic', 'Digest', 'Negotiate', 'DPoP', 'Bearer', 'bearer'), word);
  const credentials = fc.oneof(
    fc.tuple(scheme, fc.oneof(parameters, token68)).map((parts) => parts.join(' ')),
    fc.constant(''),
    fc.constant('Negotiate'),
  );
  const wording = (given: Credentials) => {
    try {
      return bearerToken(given, { realm: 'r' });
    } catch (error) {
      return { ...(error as InvalidRequestError), message: (error as Error).message };
    }
  };

  it('two credentials are rejected with the same error, as lines and joined by a comma', () => {
    const rejection = wording(['Bearer a', 'Bearer b']);
    expect(rejection).toMatchObject({ code: 'invalid_request' });
    const property = fc.property(credentials, credentials, fc.constantFrom(',', ', ', ' ,'), (one, other, comma) => {
      expect(wording([one, other])).toEqual(rejection);
      expect(wording(`${one}${comma}${other}`)).toEqual(rejection);
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('one set of credentials is never treated as two, and a list with one line equals the line', () => {
    const property = fc.property(credentials, (one) => {
      expect(wording([one])).toEqual(wording(one));
      if (!/^bearer/i.test(one)) expect(wording(one)).toBeUndefined();
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('two credentials are rejected after an unterminated quoted string, as lines and joined by a comma', () => {
    expect(outcomeOf(['Digest a="b', 'Bearer c'])).toEqual({ result: 'invalid_request' });
    expect(outcomeOf('Digest a="b, Bearer c')).toEqual({ result: 'invalid_request' });
  });
});
