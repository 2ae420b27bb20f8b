import * as v from 'valibot';
import type { IntrospectEventListener } from '../events/events.js';
import type { Log } from '../events/failure-log.js';
import { credential, narrowing, optionsObject } from '../options.js';
import type { ClientAuthentication } from '../protocol/client-authentication.js';
import { ofetchTransport } from '../transport/ofetch-transport.js';
import type { Transport } from '../transport/transport.js';
import type { ClientSecret } from './client-secret.js';
import type { LimitSettings } from './rate-limiter.js';

const reservedParameters = [
  'token',
  'token_type_hint',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
];
const reservedHeaders = ['authorization', 'content-type', 'content-length', 'accept', 'host'];
const maxTimerMs = 2 ** 31 - 1;

/**
 * A schema for a plain object of strings. valibot's `record` would drop names such as `constructor`, and would read a
 * `Headers` as an empty object.
 */
const texts = v.pipe(
  v.custom<Record<string, string>>((value) => {
    if (typeof value !== 'object' || value === null) return false;
    const prototype = Object.getPrototypeOf(value);
    return prototype === null || prototype === Object.prototype;
  }, 'must be a plain object of strings'),
  v.check((given) => Object.values(given).every((value) => typeof value === 'string'), 'must have strings as values'),
  v.transform((given): Record<string, string> => ({ ...given })),
);

const parameters = v.pipe(
  texts,
  v.check(
    (given) => !Object.keys(given).some((name) => reservedParameters.includes(name)),
    `must not name ${reservedParameters.join(', ')}: the client sets these itself`,
  ),
  v.check(
    (given) =>
      Object.entries(given)
        .flat()
        .every((text) => text.isWellFormed()),
    'must not have lone surrogates: they cannot be sent',
  ),
);

const headers = v.pipe(
  texts,
  v.check(
    (given) => Object.keys(given).every((name) => /^[!#$%&'*+.^_`|~\w-]+$/.test(name)),
    'must have field names of letters, digits and hyphens',
  ),
  v.check(
    (given) => Object.values(given).every((value) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)),
    'must have values of one line in Latin-1, without control characters',
  ),
  v.check(
    (given) => !Object.keys(given).some((name) => reservedHeaders.includes(name.toLowerCase())),
    `must not name ${reservedHeaders.join(', ')}: the client sets these itself`,
  ),
  v.check(
    (given) => new Set(Object.keys(given).map((name) => name.toLowerCase())).size === Object.keys(given).length,
    'must not name a field twice, in different case',
  ),
  v.transform((given) => Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]))),
);

const rateMessage = 'must be a number above 0, and at most 1';
const breakerOptions = optionsObject({
  failureRate: v.optional(v.pipe(v.number(rateMessage), v.gtValue(0, rateMessage), v.maxValue(1, rateMessage)), 0.5),
  minimumRequests: v.optional(wholeNumber(Number.MAX_SAFE_INTEGER, 'requests'), 10),
  openMs: v.optional(wholeNumber(maxTimerMs, 'milliseconds'), 500),
});

const text = v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'));

const isFunction = (value: unknown) => typeof value === 'function';

/** Returns whether a value is a `ClientAuthentication`. It may be of any class, so it is not copied. */
function isClientAuthentication(value: unknown): boolean {
  const candidate = value as Partial<ClientAuthentication> | null;
  return typeof candidate?.clientId === 'string' && typeof candidate.apply === 'function';
}

const textProblem = (given: unknown) => (typeof given === 'string' ? undefined : 'must be a string');

const entries = {
  issuer: credential<string>(textProblem),
  metadataUrl: v.optional(text),
  introspectionEndpoint: v.optional(text),
  clientId: credential<string>(textProblem),
  clientSecret: credential<ClientSecret>((given) =>
    typeof given === 'string' || isFunction(given) ? undefined : 'must be a string or a function',
  ),
  clientAuthentication: narrowing(
    v.custom<ClientAuthentication>(
      isClientAuthentication,
      'must have a "clientId" and a function "apply", such as clientSecretPost({…}) returns',
    ),
  ),
  tokenTypeHint: v.optional(
    v.nullable(
      v.pipe(
        v.string('must be a string, or null for none'),
        v.nonEmpty('must not be empty; null sends none'),
        v.check((hint) => hint.isWellFormed(), 'must not have lone surrogates: they cannot be sent'),
      ),
    ),
    'access_token',
  ),
  parameters: v.optional(parameters, {}),
  headers: v.optional(headers, {}),
  timeoutMs: v.optional(wholeNumber(maxTimerMs, 'milliseconds'), 5000),
  maxResponseBytes: v.optional(wholeNumber(Number.MAX_SAFE_INTEGER, 'bytes'), 262_144),
  transport: v.optional(v.custom<Transport>(isFunction, 'must be a function'), () => ofetchTransport),
  allowInsecureHttp: v.optional(v.boolean('must be true or false'), false),
  now: v.optional(v.custom<() => number>(isFunction, 'must be a function'), () => Date.now),
  monotonicNow: v.optional(v.custom<() => number>(isFunction, 'must be a function'), () => () => performance.now()),
  retry: v.optional(
    optionsObject({
      attempts: v.optional(wholeNumber(10, 'attempts'), 2),
      attemptTimeoutMs: v.optional(wholeNumber(maxTimerMs, 'milliseconds')),
    }),
    {},
  ),
  circuitBreaker: v.optional(
    v.lazy((given) => (given === false ? v.literal(false) : breakerOptions)),
    {},
  ),
  limits: v.optional(
    v.pipe(
      optionsObject({
        concurrent: v.optional(wholeNumber(Number.MAX_SAFE_INTEGER, 'requests')),
        perSecond: v.optional(wholeNumber(100_000, 'requests')),
      }),
      v.transform(
        ({ concurrent = Number.POSITIVE_INFINITY, perSecond = Number.POSITIVE_INFINITY }): LimitSettings => ({
          concurrent,
          perSecond,
        }),
      ),
    ),
  ),
  log: v.optional(
    v.custom<false | Log>((given) => given === false || isFunction(given), 'must be a function, or false'),
  ),
  onEvent: v.optional(v.custom<IntrospectEventListener>(isFunction, 'must be a function')),
};
/** The schema of the client's options. It checks each option by itself. */
export const clientOptionsSchema = optionsObject(entries);

/** The names of the client's options. An authorizer passes these options to its client. */
export const clientOptionNames = (): readonly string[] => Object.keys(entries);

function wholeNumber(max: number, unit: string) {
  const message = `must be a whole number of ${unit}, at least 1 and at most ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(1, message), v.maxValue(max, message));
}
