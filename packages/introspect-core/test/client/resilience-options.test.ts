import { describe, expect, it } from 'vitest';
import { Authorizer, IntrospectionClient } from '../../src/index.js';

const complete = { introspectionEndpoint: 'https://as.example/introspect', clientId: 'api', clientSecret: 's' };
const construct = (options: object) => () => new IntrospectionClient({ ...complete, ...options });

describe('the client throws a TypeError that names the option for', () => {
  const whole = (unit: string, most: number) => `must be a whole number of ${unit}, at least 1 and at most ${most}`;
  const maxTimerMs = 2 ** 31 - 1;
  const notNumbers = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '2', null];

  describe.each([
    ['retry', 'attempts', whole('attempts', 10), [11]],
    ['retry', 'attemptTimeoutMs', whole('milliseconds', maxTimerMs), [maxTimerMs + 1]],
    ['circuitBreaker', 'minimumRequests', whole('requests', Number.MAX_SAFE_INTEGER), []],
    ['circuitBreaker', 'openMs', whole('milliseconds', maxTimerMs), [maxTimerMs + 1]],
    ['limits', 'concurrent', whole('requests', Number.MAX_SAFE_INTEGER), []],
    ['limits', 'perSecond', whole('requests', 100_000), [100_001]],
  ])('%s.%s', (option, nested, message, tooMany) => {
    it.each([...notNumbers, ...tooMany])('%j', (value) => {
      const options = { [option]: { [nested]: value } };
      expect(construct(options)).toThrow(new TypeError(`IntrospectionClient: "${option}.${nested}" ${message}`));
    });
  });

  it.each([0, -0.1, 1.01, Number.NaN, '0.5', null])('circuitBreaker.failureRate: %j', (failureRate) => {
    expect(construct({ circuitBreaker: { failureRate } })).toThrow(
      new TypeError('IntrospectionClient: "circuitBreaker.failureRate" must be a number above 0, and at most 1'),
    );
  });

  it.each([
    ['retry', 'retries', 'attempts, attemptTimeoutMs'],
    ['circuitBreaker', 'threshold', 'failureRate, minimumRequests, openMs'],
    ['limits', 'rps', 'concurrent, perSecond'],
  ])('an unknown option "%s.%s", and names the known ones', (option, nested, known) => {
    expect(construct({ [option]: { [nested]: 1 } })).toThrow(
      new TypeError(`IntrospectionClient: unknown option "${option}.${nested}"; known options: ${known}`),
    );
  });

  it.each(['retry', 'circuitBreaker', 'limits'])('a %s that is not an object', (option) => {
    for (const value of [true, 3, 'yes', null]) {
      expect(construct({ [option]: value })).toThrow(
        new TypeError(`IntrospectionClient: "${option}" must be an object`),
      );
    }
  });

  it('retry: false and limits: false, because { attempts: 1 } and leaving them out do that', () => {
    expect(construct({ retry: false })).toThrow('"retry" must be an object');
    expect(construct({ limits: false })).toThrow('"limits" must be an object');
  });

  it('an attemptTimeoutMs above timeoutMs', () => {
    expect(construct({ timeoutMs: 500, retry: { attemptTimeoutMs: 501 } })).toThrow(
      new TypeError('IntrospectionClient: "retry.attemptTimeoutMs" must not be more than "timeoutMs"'),
    );
    expect(construct({ timeoutMs: 500, retry: { attemptTimeoutMs: 500 } })).not.toThrow();
  });

  it('an onEvent that is not a function', () => {
    expect(construct({ onEvent: {} })).toThrow(new TypeError('IntrospectionClient: "onEvent" must be a function'));
  });

  it('the same options of an authorizer, also together with a client', () => {
    const make = (options: object) => () => new Authorizer({ ...complete, ...options });
    expect(make({ retry: { attempts: 0 } })).toThrow('IntrospectionClient: "retry.attempts" must be');
    const client = new IntrospectionClient(complete);
    expect(() => new Authorizer({ client, ...{ limits: { perSecond: 1 } } })).toThrow(
      'Authorizer: "limits" cannot be combined with "client": set it where the client is made',
    );
  });
});

it.each([
  {},
  { retry: {}, circuitBreaker: {}, limits: {} },
  { retry: { attempts: 1, attemptTimeoutMs: 1 } },
  { circuitBreaker: false },
  { circuitBreaker: { failureRate: 1, minimumRequests: 1, openMs: 1 } },
  { circuitBreaker: { failureRate: 0.001 } },
  { limits: { concurrent: 1 } },
  { limits: { perSecond: 100_000 } },
])('the client accepts %j', (options) => {
  expect(construct(Object.freeze(options))).not.toThrow();
});
