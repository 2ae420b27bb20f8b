import type * as v from 'valibot';
import { EventEmitter } from '../events/event-emitter.js';
import type { Log } from '../events/failure-log.js';
import { checkedOptions } from '../options.js';
import type { ClientAuthentication } from '../protocol/client-authentication.js';
import type { IntrospectionRequestSettings, ResponseInputs } from '../protocol/introspection-request.js';
import { urlProblem } from '../protocol/secure-url.js';
import { issuerProblem } from '../protocol/server-metadata.js';
import type { Transport } from '../transport/transport.js';
import type { CircuitBreakerSettings } from './circuit-breaker.js';
import type { IntrospectionClientOptions } from './client-options.js';
import { checkPresence, checkValues } from './client-options-presence.js';
import { clientOptionsSchema } from './client-options-schema.js';
import { clientSecretBasic } from './client-secret.js';
import type { LimitSettings } from './rate-limiter.js';
import type { RetrySettings } from './retry.js';

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
