import * as v from 'valibot';
import { Events, type IntrospectEventListener } from '../events/events.js';
import { checkedOptions, credential, narrowing, optionsObject } from '../options.js';
import type { ClientAuthentication } from '../protocol/client-authentication.js';
import { urlProblem } from '../protocol/endpoint-url.js';
import type { IntrospectionRequestSettings, QuestionSetting } from '../protocol/introspection-request.js';
import { issuerProblem } from '../protocol/server-metadata.js';
import { ofetchTransport } from '../transport/ofetch-transport.js';
import type { Transport } from '../transport/transport.js';
import type { CircuitBreakerSettings } from './circuit-breaker.js';
import { type ClientSecret, clientSecretBasic } from './client-secret.js';
import type { LimitSettings } from './question-limits.js';
import type { RetrySettings } from './retries.js';

/**
 * `issuer`, `clientId` and `clientSecret` may be read from the environment: their types accept `undefined`. The
 * constructor throws a TypeError for `undefined`, `''` and the string `"undefined"`.
 */
export interface IntrospectionClientOptions {
  /** The authorization server; its introspection endpoint is then discovered at the first question. */
  issuer?: string | undefined;
  /** One of `issuer` and this is needed; with both there is no discovery. */
  introspectionEndpoint?: string;
  /** With `clientSecret`: `client_secret_basic`. */
  clientId?: string | undefined;
  /** A function is called for each request, so the secret may rotate. */
  clientSecret?: ClientSecret | undefined;
  /** Another way than Basic for this client to prove itself, instead of `clientId` and `clientSecret`. */
  clientAuthentication?: ClientAuthentication;
  /** `"access_token"` unless given; `null` sends none (RFC 7662 §2.1). */
  tokenTypeHint?: string | null;
  /** Further form parameters, such as `scope`. */
  parameters?: Record<string, string>;
  /** Further header fields, such as `x-zitadel-instance-host`; sent for discovery too. */
  headers?: Record<string, string>;
  /** 5000 unless given: one deadline for a whole question, discovery and all attempts included. */
  timeoutMs?: number;
  /** 262144 unless given; counted after decompression. */
  maxResponseBytes?: number;
  /** ofetch unless given. */
  transport?: Transport;
  /** Plain http to anything but loopback. */
  allowInsecureHttp?: boolean;
  /** Milliseconds since the epoch; `Date.now` unless given. */
  now?: () => number;
  /** Milliseconds that never go back; `performance.now` unless given. */
  monotonicNow?: () => number;
  /**
   * A question that met a connection fault, 429, 502, 503 or 504, or no answer in time, is asked again, unless retries come
   * to more than a tenth of all questions lately, and to more than 3. `attempts` counts the first one, and is 2 unless
   * given; `attemptTimeoutMs` is `timeoutMs` divided by it.
   */
  retry?: { attempts?: number; attemptTimeoutMs?: number };
  /**
   * Does not ask for `openMs` (500) once at least `minimumQuestions` (10) were asked within 5 to 10 s and a part of them
   * failed, the `failureRate` (0.5); `false` always asks.
   */
  circuitBreaker?: { failureRate?: number; minimumQuestions?: number; openMs?: number } | false;
  /** How many questions may run at a time, and begin in a second; none unless given. */
  limits?: { concurrent?: number; perSecond?: number };
  /** Is told what happens, here and in the authorizers built on this client; what it throws is dropped. */
  onEvent?: IntrospectEventListener;
}

/** The options, checked and with their defaults. */
export interface IntrospectionClientSettings extends IntrospectionRequestSettings, QuestionSetting {
  timeoutMs: number;
  allowInsecureHttp: boolean;
  now: () => number;
  monotonicNow: () => number;
  /** Of the server, for messages; before discovery the issuer's. */
  origin: string;
  events: Events;
  transport: Transport;
  maxResponseBytes: number;
  retry: RetrySettings;
  circuitBreaker: CircuitBreakerSettings | undefined;
  limits: LimitSettings | undefined;
}

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

/** By hand, since valibot's record leaves out names such as `constructor`, and takes a `Headers` for an empty object. */
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
  minimumQuestions: v.optional(wholeNumber(Number.MAX_SAFE_INTEGER, 'questions'), 10),
  openMs: v.optional(wholeNumber(maxTimerMs, 'milliseconds'), 500),
});

const text = v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'));

const isFunction = (value: unknown) => typeof value === 'function';

/** A `ClientAuthentication` may be of any class: it is kept as it is. */
function isClientAuthentication(value: unknown): boolean {
  const candidate = value as Partial<ClientAuthentication> | null;
  return typeof candidate?.clientId === 'string' && typeof candidate.apply === 'function';
}

const textProblem = (given: unknown) => (typeof given === 'string' ? undefined : 'must be a string');

const entries = {
  issuer: credential<string>(textProblem),
  introspectionEndpoint: v.optional(text),
  clientId: credential<string>(textProblem),
  clientSecret: credential<ClientSecret>((given) =>
    typeof given === 'string' || isFunction(given) ? undefined : 'must be a string or a function',
  ),
  clientAuthentication: narrowing(
    v.custom<ClientAuthentication>(
      isClientAuthentication,
      'must have a "clientId" and a function "apply", such as clientSecretPost({…}) gives',
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
        concurrent: v.optional(wholeNumber(Number.MAX_SAFE_INTEGER, 'questions')),
        perSecond: v.optional(wholeNumber(100_000, 'questions')),
      }),
      v.transform(
        ({ concurrent = Number.POSITIVE_INFINITY, perSecond = Number.POSITIVE_INFINITY }): LimitSettings => ({
          concurrent,
          perSecond,
        }),
      ),
    ),
  ),
  onEvent: v.optional(v.custom<IntrospectEventListener>(isFunction, 'must be a function')),
};
const schema = optionsObject(entries);

/** The names of the client's options. An authorizer passes these options to its client. */
export const clientOptionNames = (): readonly string[] => Object.keys(entries);

function wholeNumber(max: number, unit: string) {
  const message = `must be a whole number of ${unit}, at least 1 and at most ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(1, message), v.maxValue(max, message));
}

/**
 * Checks a client's options, and copies them.
 *
 * @throws TypeError naming the option
 */
export function introspectionClientSettings(options: IntrospectionClientOptions): IntrospectionClientSettings {
  const {
    introspectionEndpoint: endpoint,
    onEvent,
    ...checked
  } = checkedOptions('IntrospectionClient', schema, options);
  const { issuer, allowInsecureHttp } = checked;
  const clientAuthentication = authenticationOf(checked);
  if (clientAuthentication.needsIssuer === true && issuer === undefined) {
    throw new TypeError('IntrospectionClient: "issuer" is needed by this "clientAuthentication"');
  }
  refuse('issuer', issuer && issuerProblem(issuer, allowInsecureHttp));
  refuse('introspectionEndpoint', endpoint && urlProblem(endpoint, allowInsecureHttp));
  if (issuer === undefined && endpoint === undefined) {
    throw new TypeError('IntrospectionClient: "issuer" or "introspectionEndpoint" is needed');
  }
  const { origin } = new URL(endpoint ?? String(issuer));
  const { attempts, attemptTimeoutMs = checked.timeoutMs / attempts } = checked.retry;
  refuse(
    'retry.attemptTimeoutMs',
    attemptTimeoutMs > checked.timeoutMs ? 'must not be more than "timeoutMs"' : undefined,
  );
  return {
    ...checked,
    endpoint,
    origin,
    clientAuthentication,
    clientId: clientAuthentication.clientId,
    retry: { attempts, attemptTimeoutMs },
    circuitBreaker: checked.circuitBreaker || undefined,
    limits: checked.limits,
    events: new Events(onEvent),
  };
}

function authenticationOf({
  clientId,
  clientSecret,
  clientAuthentication,
}: Pick<v.InferOutput<typeof schema>, 'clientId' | 'clientSecret' | 'clientAuthentication'>): ClientAuthentication {
  if (clientAuthentication !== undefined) {
    if (clientId === undefined && clientSecret === undefined) return clientAuthentication;
    throw new TypeError(
      'IntrospectionClient: "clientAuthentication" stands instead of "clientId" and "clientSecret": give one or the other',
    );
  }
  if (clientId === undefined) throw new TypeError('IntrospectionClient: "clientId" is missing');
  if (clientSecret === undefined) throw new TypeError('IntrospectionClient: "clientSecret" is missing');
  return clientSecretBasic({ clientId, clientSecret });
}

function refuse(option: string, problem: string | undefined): void {
  if (problem) throw new TypeError(`IntrospectionClient: "${option}" ${problem}`);
}
