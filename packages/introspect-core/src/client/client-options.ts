import type { IntrospectEventListener } from '../events/events.js';
import type { Log } from '../events/failure-log.js';
import type { ClientAuthentication } from '../protocol/client-authentication.js';
import type { Transport } from '../transport/transport.js';
import type { ClientSecret } from './client-secret.js';
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
   * Additional header fields of each request, such as `x-zitadel-instance-host`. Discovery sends them too. Fields that
   * the client sets itself, such as `accept`, throw a TypeError.
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
   * Budget: within the last 5 to 10 s, retries are at most a tenth of all calls, or 3 if that is more. Beyond the
   * budget, a call fails with its first error.
   *
   * @default `{ attempts: 2 }`
   */
  retry?: {
    /**
     * How many attempts one call makes, at most 10. The first one counts: 1 turns retries off. If the server rejects our
     * credentials, one more attempt with renewed ones may follow.
     *
     * @default 2
     */
    attempts?: number;
    /**
     * The time limit of one attempt, in milliseconds.
     *
     * @default `timeoutMs` divided by `attempts`
     */
    attemptTimeoutMs?: number;
  };
  /**
   * Stops calling a server that fails most attempts. `false` turns the breaker off.
   *
   * The breaker opens when too many of the attempts of the last 5 to 10 s failed. Calls then fail immediately with an
   * UnavailableError, or with an InvalidClientError if the server rejected our credentials.
   *
   * @default `{ failureRate: 0.5, minimumRequests: 10, openMs: 500 }`
   */
  circuitBreaker?:
    | {
        /**
         * Which part of the attempts must have failed, above 0 and at most 1.
         *
         * @default 0.5
         */
        failureRate?: number;
        /**
         * How many attempts must have ended. With fewer, the breaker does not open.
         *
         * @default 10
         */
        minimumRequests?: number;
        /**
         * How long calls fail before one attempt probes the server, in milliseconds. It is shortened at random by up to 20 %.
         *
         * @default 500
         */
        openMs?: number;
      }
    | false;
  /**
   * Limits the attempts of this client. A call beyond a limit waits for a slot, for at most half of its remaining time
   * (`timeoutMs`), and then fails with an UnavailableError.
   *
   * @default no limits
   */
  limits?: {
    /**
     * How many attempts may run at the same time.
     *
     * @default no limit
     */
    concurrent?: number;
    /**
     * How many attempts may start within a second, at most 100000.
     *
     * @default no limit
     */
    perSecond?: number;
  };
  /**
   * Receives each event of this client and of the authorizers that use it. An error that it throws is ignored.
   *
   * @default no listener
   */
  onEvent?: IntrospectEventListener;
  /**
   * Receives the log lines of an authorizer: failed introspections, a CORS preflight that a guard has denied, and a
   * cache `store` without `storeSecret`. There is at most one line a minute for each code. `false` turns all lines off.
   * An error that the function throws is ignored.
   *
   * A client that is used without an authorizer logs nothing, because your code gets each error.
   *
   * @default the log of the framework (Fastify: `request.log`, NestJS: `Logger`), otherwise `console`
   */
  log?: false | Log;
}
