import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import {
  AccessDeniedError,
  type AnyAuthorizationError,
  AuthorizationError,
  InsufficientScopeError,
  InsufficientUserAuthenticationError,
  IntrospectionError,
  InvalidClientError,
  InvalidRequestError,
  InvalidResponseError,
  InvalidTokenError,
  type InvalidTokenReason,
  isAuthorizationError,
  isIntrospectionError,
  MissingTokenError,
  UnavailableError,
} from '../../src/index.js';

// Loaded here and not in a test: Stryker takes a module that a test loads for code that only this test runs.
vi.resetModules();
const copy = await import('../../src/errors/errors.js');

const reasons = {
  inactive: 0,
  expired: 0,
  not_yet_valid: 0,
  issuer_mismatch: 0,
  audience_mismatch: 0,
  not_an_access_token: 0,
  sender_constraint: 0,
  malformed: 0,
  too_long: 0,
  bad_signature: 0,
  unsupported_token_type: 0,
} satisfies Record<InvalidTokenReason, 0>;

describe('an introspection error', () => {
  it.each([
    ['UnavailableError', UnavailableError, 'unavailable'],
    ['InvalidResponseError', InvalidResponseError, 'invalid_response'],
    ['InvalidClientError', InvalidClientError, 'invalid_client'],
  ])('%s has the response 503, never 401', (name, ErrorClass, code) => {
    const error = new ErrorClass('m');
    expect(error).toBeInstanceOf(IntrospectionError);
    expect(error).toBeInstanceOf(Error);
    expect({ ...error }).toMatchObject({
      name,
      code,
      status: 503,
      headers: [['Cache-Control', 'no-store']],
      body: { error: 'temporarily_unavailable' },
    });
    expect(String(error)).toBe(`${name}: m`);
  });

  it('an UnavailableError has a Retry-After field if the time is known', () => {
    expect(new UnavailableError('m', 0)).toMatchObject({
      retryAfterSeconds: 0,
      headers: [
        ['Cache-Control', 'no-store'],
        ['Retry-After', '0'],
      ],
    });
  });
});

describe('InvalidTokenError', () => {
  it.each(Object.keys(reasons) as InvalidTokenReason[])(
    'an InvalidTokenError with the reason %s has one fixed sentence and the response 401',
    (reason) => {
      const error = new InvalidTokenError(reason);
      expect(error).toBeInstanceOf(AuthorizationError);
      expect(error).toMatchObject({ name: 'InvalidTokenError', code: 'invalid_token', reason, status: 401 });
      expect(error.message).toMatch(/^The (access )?token [a-z ]+$/);
      expect(error.headers).toEqual([
        ['WWW-Authenticate', `Bearer error="invalid_token", error_description="${error.message}"`],
        ['Cache-Control', 'no-store'],
      ]);
      expect(error.body).toEqual({ error: 'invalid_token', error_description: error.message });
    },
  );

  it('InvalidTokenError has a different sentence for each reason', () => {
    const sentences = (Object.keys(reasons) as InvalidTokenReason[]).map(
      (reason) => new InvalidTokenError(reason).message,
    );
    expect(new Set(sentences).size).toBe(sentences.length);
  });
});

describe('an authorization error', () => {
  it.each([
    ['InvalidRequestError', InvalidRequestError, 'invalid_request', 400],
    ['InsufficientScopeError', InsufficientScopeError, 'insufficient_scope', 403],
    [
      'InsufficientUserAuthenticationError',
      InsufficientUserAuthenticationError,
      'insufficient_user_authentication',
      401,
    ],
  ])('%s has its response, with the same sentence in challenge and body', (name, ErrorClass, code, status) => {
    const error = new ErrorClass({ realm: 'r' });
    expect(error).toBeInstanceOf(AuthorizationError);
    expect(error).toMatchObject({ name, code, status });
    expect(error.message).toMatch(/^[A-Z][A-Za-z ,]+$/);
    expect(error.headers).toEqual([
      ['WWW-Authenticate', `Bearer realm="r", error="${code}", error_description="${error.message}"`],
      ['Cache-Control', 'no-store'],
    ]);
    expect(error.body).toEqual({ error: code, error_description: error.message });
  });

  it('a MissingTokenError has a challenge without an error, and an empty body', () => {
    const error = new MissingTokenError({ realm: 'r', scope: 's' });
    expect(error).toBeInstanceOf(AuthorizationError);
    expect(error).toMatchObject({ name: 'MissingTokenError', code: 'missing_token', status: 401 });
    expect(error.message).toBe('The request has no bearer token');
    expect(error.headers).toEqual([
      ['WWW-Authenticate', 'Bearer realm="r", scope="s"'],
      ['Cache-Control', 'no-store'],
    ]);
    expect(error.body).toEqual({});
  });

  it('an AccessDeniedError has no challenge, because another token request cannot help', () => {
    const error = new AccessDeniedError();
    expect(error).toBeInstanceOf(AuthorizationError);
    expect(error).toMatchObject({ name: 'AccessDeniedError', code: 'access_denied', status: 403 });
    expect(error.headers).toEqual([['Cache-Control', 'no-store']]);
    expect(error.body).toEqual({ error: 'access_denied', error_description: error.message });
  });

  it.each([
    ['MissingTokenError', MissingTokenError],
    ['InvalidRequestError', InvalidRequestError],
    ['InsufficientScopeError', InsufficientScopeError],
    ['InsufficientUserAuthenticationError', InsufficientUserAuthenticationError],
  ])('%s has a challenge, whatever is configured', (_, ErrorClass) => {
    expect(new ErrorClass().headers[0]).toEqual(['WWW-Authenticate', expect.stringMatching(/^Bearer [a-z]+="/)]);
  });
});

describe('an error', () => {
  it.each([
    ['UnavailableError', () => new UnavailableError('m', 5)],
    ['MissingTokenError', () => new MissingTokenError()],
    ['InvalidRequestError', () => new InvalidRequestError()],
    ['InvalidTokenError', () => new InvalidTokenError('expired')],
    ['InsufficientScopeError', () => new InsufficientScopeError()],
    ['InsufficientUserAuthenticationError', () => new InsufficientUserAuthenticationError()],
    ['AccessDeniedError', () => new AccessDeniedError()],
  ])('%s has a frozen response', (_, make) => {
    const error = make();
    expect(error.headers).toSatisfy(Object.isFrozen);
    expect(error.body).toSatisfy(Object.isFrozen);
  });
});

describe('isAuthorizationError and isIntrospectionError', () => {
  it('the type guards distinguish the two families of errors, and reject all other values', () => {
    const token = new InvalidTokenError('expired');
    const failure = new UnavailableError('m');
    expect([isAuthorizationError(token), isAuthorizationError(failure)]).toEqual([true, false]);
    expect([isIntrospectionError(token), isIntrospectionError(failure)]).toEqual([false, true]);
    for (const value of [null, undefined, 'x', 5, {}, new Error('x'), () => {}, { code: 'unavailable', status: 503 }]) {
      expect([isAuthorizationError(value), isIntrospectionError(value)]).toEqual([false, false]);
    }
  });

  it('the type guards recognise the errors of a second copy of the package', () => {
    expect(new copy.UnavailableError('m')).not.toBeInstanceOf(UnavailableError);
    expect(isIntrospectionError(new copy.UnavailableError('m'))).toBe(true);
    for (const error of [
      new copy.MissingTokenError(),
      new copy.InvalidRequestError(),
      new copy.InvalidTokenError('expired'),
      new copy.InsufficientScopeError(),
      new copy.InsufficientUserAuthenticationError(),
      new copy.AccessDeniedError(),
    ]) {
      expect(error).not.toBeInstanceOf(AuthorizationError);
      expect([isAuthorizationError(error), isIntrospectionError(error)]).toEqual([true, false]);
    }
  });

  it('isIntrospectionError narrows an error by its code', () => {
    const error: unknown = new UnavailableError('m', 3);
    if (!isIntrospectionError(error)) throw error;
    switch (error.code) {
      case 'unavailable':
        expectTypeOf(error).toEqualTypeOf<UnavailableError>();
        expectTypeOf(error.retryAfterSeconds).toEqualTypeOf<number | undefined>();
        break;
      case 'invalid_response':
        expectTypeOf(error).toEqualTypeOf<InvalidResponseError>();
        break;
      case 'invalid_client':
        expectTypeOf(error).toEqualTypeOf<InvalidClientError>();
        break;
    }
    expect(error.code).toBe('unavailable');
  });

  it('isAuthorizationError narrows an error by its code', () => {
    const error: unknown = new InvalidTokenError('expired');
    if (!isAuthorizationError(error)) throw error;
    expectTypeOf(error).toEqualTypeOf<AnyAuthorizationError>();
    if (error.code === 'invalid_token') expectTypeOf(error.reason).toEqualTypeOf<InvalidTokenReason>();
    // @ts-expect-error the code does not exist
    expect(error.code === 'inactive').toBe(false);
  });
});
