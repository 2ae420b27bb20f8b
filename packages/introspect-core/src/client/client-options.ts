import type * as v from 'valibot';
import { EventEmitter } from '../events/event-emitter.js';
import type { IntrospectEventListener } from '../events/events.js';
import { checkedOptions } from '../options.js';
import type { ClientAuthentication } from '../protocol/client-authentication.js';
import type { IntrospectionRequestSettings, ResponseInputs } from '../protocol/introspection-request.js';
import { urlProblem } from '../protocol/secure-url.js';
import { issuerProblem } from '../protocol/server-metadata.js';
import type { Transport } from '../transport/transport.js';
import type { CircuitBreakerSettings } from './circuit-breaker.js';
import { clientOptionsSchema } from './client-options-schema.js';
import { type ClientSecret, clientSecretBasic } from './client-secret.js';
import type { LimitSettings } from './rate-limiter.js';
import type { RetrySettings } from './retry.js';

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
   * Does not ask for `openMs` (500) once at least `minimumRequests` (10) were asked within 5 to 10 s and a part of them
   * failed, the `failureRate` (0.5); `false` always asks.
   */
  circuitBreaker?: { failureRate?: number; minimumRequests?: number; openMs?: number } | false;
  /** How many questions may run at a time, and begin in a second; none unless given. */
  limits?: { concurrent?: number; perSecond?: number };
  /** Is told what happens, here and in the authorizers built on this client; what it throws is dropped. */
  onEvent?: IntrospectEventListener;
}

/** The options, checked and with their defaults. */
export interface IntrospectionClientSettings extends IntrospectionRequestSettings, ResponseInputs {
  timeoutMs: number;
  allowInsecureHttp: boolean;
  now: () => number;
  monotonicNow: () => number;
  /** Of the server, for messages; before discovery the issuer's. */
  origin: string;
  events: EventEmitter;
  transport: Transport;
  maxResponseBytes: number;
  retry: RetrySettings;
  circuitBreaker: CircuitBreakerSettings | undefined;
  limits: LimitSettings | undefined;
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
  } = checkedOptions('IntrospectionClient', clientOptionsSchema, options);
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
    events: new EventEmitter(onEvent),
  };
}

function authenticationOf({
  clientId,
  clientSecret,
  clientAuthentication,
}: Pick<
  v.InferOutput<typeof clientOptionsSchema>,
  'clientId' | 'clientSecret' | 'clientAuthentication'
>): ClientAuthentication {
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
