import type * as v from 'valibot';
import { EventEmitter } from '../events/event-emitter.js';
import type { IntrospectEventListener } from '../events/events.js';
import type { Log } from '../events/failure-log.js';
import { checkedOptions } from '../options.js';
import type { ClientAuthentication } from '../protocol/client-authentication.js';
import type { IntrospectionRequestSettings, ResponseInputs } from '../protocol/introspection-request.js';
import { urlProblem } from '../protocol/secure-url.js';
import { issuerProblem } from '../protocol/server-metadata.js';
import type { Transport } from '../transport/transport.js';
import type { CircuitBreakerSettings } from './circuit-breaker.js';
import { checkPresence, checkValues } from './client-options-presence.js';
import { clientOptionsSchema } from './client-options-schema.js';
import { type ClientSecret, clientSecretBasic } from './client-secret.js';
import type { LimitSettings } from './rate-limiter.js';
import type { RetrySettings } from './retry.js';
import type { ServerLocation } from './server-location.js';

/**
 * How this API authenticates itself: `clientId` with `clientSecret`, or `clientAuthentication`, but not both.
 *
 * `clientId` and `clientSecret` may be read from the environment: their types accept `undefined`. The constructor
 * throws a TypeError for `undefined`, `''` and the string `"undefined"`.
 */
export type ClientCredentials = SecretCredentials | OtherCredentials;

interface SecretCredentials {
  /** The client id of this API at the server. Used with `clientSecret` for `client_secret_basic` (RFC 6749 §2.3.1). */
  clientId: string | undefined;
  /**
   * The client secret, or a function that returns it. The function is called for each request, so secrets can rotate.
   */
  clientSecret: ClientSecret | undefined;
  /** Authenticates this API in another way than `client_secret_basic`. Replaces `clientId` and `clientSecret`. */
  clientAuthentication?: ClientAuthentication;
}

interface OtherCredentials extends Partial<SecretCredentials> {
  clientAuthentication: ClientAuthentication;
}

/** The options of an {@link IntrospectionClient}: the server, the credentials, and what has a default. */
export type IntrospectionClientOptions = ServerLocation & ClientCredentials & OptionalClientOptions;

/** The options of an {@link IntrospectionClient} that have a default. */
export interface OptionalClientOptions {
  /**
   * The `token_type_hint` of each request (RFC 7662 §2.1). `null` sends none.
   *
   * @default "access_token"
   */
  tokenTypeHint?: string | null;
  /**
   * Additional form parameters of each request, such as `scope`. Parameters that the client sets itself throw a
   * TypeError.
   *
   * @default {}
   */
  parameters?: Record<string, string>;
  /**
   * Additional header fields of each request, such as `x-zitadel-instance-host`. Discovery sends them too.
   *
   * @default {}
   */
  headers?: Record<string, string>;
  /**
   * The time limit for one call of `introspect`, in milliseconds. It covers discovery, waiting for a slot and all
   * attempts.
   *
   * @default 5000
   */
  timeoutMs?: number;
  /**
   * The largest response body that is read, in bytes, counted after decompression.
   *
   * @default 262144
   */
  maxResponseBytes?: number;
  /**
   * Sends the HTTP requests.
   *
   * @default ofetchTransport
   */
  transport?: Transport;
  /**
   * Permits http to any host, not only on loopback. Tokens and secrets then travel unencrypted.
   *
   * @default false
   */
  allowInsecureHttp?: boolean;
  /**
   * Returns the time in milliseconds since the epoch.
   *
   * @default Date.now
   */
  now?: () => number;
  /**
   * Returns milliseconds from a clock that never goes back.
   *
   * @default performance.now
   */
  monotonicNow?: () => number;
  /**
   * Retries transient failures: a connection fault, no response within `attemptTimeoutMs`, 429, 502, 503 and 504.
   * Nothing else is retried. The client waits a random time before a retry, or as long as the server's `Retry-After`
   * says. It does not retry if the time of the call does not permit that wait.
   *
   * `attempts`: how many attempts one call makes at most. The first one counts; 1 turns retries off. Default 2,
   * at most 10. After a rejection of our own credentials, one more attempt with renewed ones may follow.
   *
   * `attemptTimeoutMs`: the time limit of one attempt, in milliseconds. Default `timeoutMs` divided by `attempts`.
   *
   * Budget: within the last 5 to 10 s, retries are at most a tenth of all calls, or 3 if that is more. Beyond the
   * budget, a call fails with its first error.
   */
  retry?: { attempts?: number; attemptTimeoutMs?: number };
  /**
   * Stops calling a server that fails most attempts. `false` turns it off.
   *
   * It opens when at least `minimumRequests` (default 10) ended within the last 5 to 10 s, and the part `failureRate`
   * (default 0.5) of them failed. Calls then fail immediately with an UnavailableError, or with an InvalidClientError
   * if the server rejected our credentials. After up to `openMs` (default 500) milliseconds one attempt probes the
   * server.
   */
  circuitBreaker?: { failureRate?: number; minimumRequests?: number; openMs?: number } | false;
  /**
   * How many attempts may run at a time (`concurrent`) and start in a second (`perSecond`). Calls beyond a limit wait
   * for a slot for at most half of their time, and then fail with an UnavailableError.
   *
   * @default no limits
   */
  limits?: { concurrent?: number; perSecond?: number };
  /**
   * Receives each event of this client and of the authorizers that use it. An error that it throws is ignored.
   *
   * @default no listener
   */
  onEvent?: IntrospectEventListener;
  /**
   * Receives the log lines of an authorizer: failed introspections, and a CORS preflight that a guard has denied. For
   * each code it is at most one line a minute. `false` turns them off. An error that the function throws is ignored.
   *
   * A client that is used without an authorizer logs nothing, because your code gets each error.
   *
   * @default the log of the framework (Fastify: `request.log`, NestJS: `Logger`), otherwise `console`
   */
  log?: false | Log;
}

/** The client's options, checked and with their defaults. */
export interface IntrospectionClientSettings extends IntrospectionRequestSettings, ResponseInputs {
  metadataUrl?: string | undefined;
  timeoutMs: number;
  allowInsecureHttp: boolean;
  now: () => number;
  monotonicNow: () => number;
  /** The server's origin for messages: that of the endpoint, the metadata or the issuer, whichever is configured. */
  origin: string;
  events: EventEmitter;
  log?: false | Log | undefined;
  transport: Transport;
  maxResponseBytes: number;
  retry: RetrySettings;
  circuitBreaker: CircuitBreakerSettings | undefined;
  limits: LimitSettings | undefined;
}

/**
 * Checks a client's options and returns a copy with defaults.
 *
 * @throws TypeError that names the option
 */
export function introspectionClientSettings(options: IntrospectionClientOptions): IntrospectionClientSettings {
  checkValues(Object(options));
  const {
    introspectionEndpoint: endpoint,
    onEvent,
    ...checked
  } = checkedOptions('IntrospectionClient', clientOptionsSchema, options);
  checkPresence({ ...checked, introspectionEndpoint: endpoint });
  const { issuer, metadataUrl, allowInsecureHttp } = checked;
  const clientAuthentication = authenticationOf(checked);
  if (clientAuthentication.needsIssuer === true && issuer === undefined) {
    throw new TypeError('IntrospectionClient: "issuer" is needed by this "clientAuthentication"');
  }
  rejectOption('issuer', issuer && issuerProblem(issuer, allowInsecureHttp));
  rejectOption('metadataUrl', metadataUrl && urlProblem(metadataUrl, allowInsecureHttp));
  rejectOption('introspectionEndpoint', endpoint && urlProblem(endpoint, allowInsecureHttp));
  if (metadataUrl !== undefined && issuer === undefined) {
    throw new TypeError('IntrospectionClient: "issuer" is needed with "metadataUrl": the document must name it');
  }
  const { origin } = new URL(endpoint ?? metadataUrl ?? String(issuer));
  const { attempts, attemptTimeoutMs = checked.timeoutMs / attempts } = checked.retry;
  rejectOption(
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
  if (clientAuthentication === undefined) return clientSecretBasic({ clientId, clientSecret });
  if (clientId === undefined && clientSecret === undefined) return clientAuthentication;
  throw new TypeError(
    'IntrospectionClient: use either "clientAuthentication" or "clientId" and "clientSecret", not both',
  );
}

function rejectOption(option: string, problem: string | undefined): void {
  if (problem) throw new TypeError(`IntrospectionClient: "${option}" ${problem}`);
}
