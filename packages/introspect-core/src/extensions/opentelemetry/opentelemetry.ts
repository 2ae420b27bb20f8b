/** Spans and metrics for `@opentelemetry/api`, recorded from the events. */
import type { IntrospectEvent, IntrospectEventListener } from '@acme/introspect-core';
import {
  type Attributes,
  type Counter,
  type MeterProvider,
  metrics,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';

/** The options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /**
   * Provides the tracer that records the spans.
   *
   * @default the global provider
   */
  tracerProvider?: TracerProvider;
  /**
   * Provides the meter that records the metrics.
   *
   * @default the global provider
   */
  meterProvider?: MeterProvider;
}

type RequestEvent = Extract<IntrospectEvent, { type: 'introspected' }>;

const name = '@acme/introspect-core';

/**
 * Creates the instruments. Call it at the first event, because the global providers may be set after the listener was
 * created.
 */
function instruments({ tracerProvider = trace, meterProvider = metrics }: OpenTelemetryOptions) {
  const tracer = tracerProvider.getTracer(name);
  const meter = meterProvider.getMeter(name);
  const duration = meter.createHistogram('introspect.client.request.duration', {
    description: 'Duration of introspection requests, each attempt by itself',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
  });
  const lookups = meter.createCounter('introspect.cache.lookups', {
    description: 'Cache lookups by result; a stale response is counted after its miss',
  });
  const refreshes = meter.createCounter('introspect.cache.refreshes', {
    description: 'Cached responses refreshed in the background',
  });
  const rechecks = meter.createCounter('introspect.cache.rechecks', {
    description: 'Rechecks of tokens that were suddenly inactive',
  });
  const invalidations = meter.createCounter('introspect.cache.invalidations', { description: 'Calls of invalidate' });
  const tooLarge = meter.createCounter('introspect.cache.too_large', {
    description: 'Responses that were too large to cache',
  });
  const claimsRejected = meter.createCounter('introspect.claims.rejected', {
    description: 'Tokens whose claims do not match the schema of the API',
  });
  const decisions = meter.createCounter('introspect.decisions', {
    description: 'Decisions about requests, by outcome and reason',
  });
  const storeFailures = meter.createCounter('introspect.cache.store.failures', {
    description: 'Failures of the store',
  });
  const shed = meter.createCounter('introspect.client.request.shed', {
    description: 'Introspection requests that were not sent',
  });
  const breaker = meter.createCounter('introspect.circuit_breaker.changes', {
    description: 'Times that the circuit breaker opened or closed',
  });
  const credentialsRefused = meter.createCounter('introspect.credentials.refused', {
    description: "Rejections of this API's own credentials by the server",
  });
  const unsupported = meter.createCounter('introspect.unsupported_token_types', {
    description: 'Clients whose server does not introspect the kind of token that this API receives',
  });
  const prefiltered = meter.createCounter('introspect.prefilter.rejected', {
    description: 'Tokens that the prefilter rejected',
  });
  const jwksFailures = meter.createCounter('introspect.prefilter.jwks.failures', {
    description: "Failures to fetch the issuer's keys",
  });
  const explained = meter.createCounter('introspect.inactive.explained', {
    description: 'Inactive tokens by their possible cause; in development',
  });
  return {
    unsupported,
    prefiltered,
    jwksFailures,
    explained,
    tracer,
    duration,
    lookups,
    refreshes,
    rechecks,
    invalidations,
    tooLarge,
    claimsRejected,
    decisions,
    storeFailures,
    shed,
    breaker,
    credentialsRefused,
  };
}

/**
 * Returns a listener for the option `onEvent`. It records a span for each introspection request, as a child of the span
 * that is active then, and counts all other events.
 *
 * Spans and metrics never hold a token, a secret or a claim. Attributes have few values: the server's address,
 * outcomes, priorities.
 *
 * @example
 * ```ts
 * const authorizer = new Authorizer({ ...options, onEvent: openTelemetry() });
 * ```
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): IntrospectEventListener {
  let created: ReturnType<typeof instruments> | undefined;
  const listener = (event: IntrospectEvent) => {
    created ??= instruments(options);
    record(event, created);
  };
  return Object.assign(listener, { receivesDecisions: true });
}

function record(event: IntrospectEvent, created: ReturnType<typeof instruments>): void {
  if (event.type === 'introspected') recordRequest(event, created);
  else {
    const [counter, attributes] = countOf(event, created);
    counter.add(1, attributes);
  }
}

/** Returns the counter that an event increments, and its attributes. */
function countOf(
  event: Exclude<IntrospectEvent, RequestEvent>,
  created: ReturnType<typeof instruments>,
): [Counter, Attributes] {
  switch (event.type) {
    case 'cache_hit':
      return [created.lookups, { 'introspect.cache.result': 'hit' }];
    case 'cache_miss':
      return [created.lookups, { 'introspect.cache.result': 'miss' }];
    case 'coalesced':
      return [created.lookups, { 'introspect.cache.result': 'coalesced' }];
    case 'stale_served':
      return [created.lookups, { 'introspect.cache.result': 'stale' }];
    case 'refreshed':
      return [created.refreshes, { 'introspect.active': event.active }];
    case 'rechecked':
      return [created.rechecks, { 'introspect.active': event.active }];
    case 'invalidated':
      return [created.invalidations, { 'introspect.invalidated_by': event.by }];
    case 'prefilter_rejected':
      return [created.prefiltered, { 'introspect.reason': event.reason }];
    case 'jwks_failed':
      return [created.jwksFailures, {}];
    case 'inactive_explained':
      return [created.explained, { 'introspect.cause': event.cause }];
    case 'claims_rejected':
      return [created.claimsRejected, {}];
    case 'decided':
      return [
        created.decisions,
        { 'introspect.outcome': event.outcome, ...(event.reason && { 'introspect.reason': event.reason }) },
      ];
    case 'too_large_to_cache':
      return [created.tooLarge, {}];
    case 'store_failed':
      return [created.storeFailures, { 'introspect.operation': event.operation }];
    case 'shed':
      return [
        created.shed,
        { ...serverOf(event), 'introspect.shed_by': event.by, 'introspect.priority': event.priority },
      ];
    case 'breaker_opened':
      return [created.breaker, { ...serverOf(event), 'introspect.state': 'open' }];
    case 'breaker_closed':
      return [created.breaker, { ...serverOf(event), 'introspect.state': 'closed' }];
    case 'credentials_refused':
      return [created.credentialsRefused, serverOf(event)];
    case 'unsupported_token_type':
      return [created.unsupported, serverOf(event)];
  }
}

function recordRequest(event: RequestEvent, { tracer, duration }: ReturnType<typeof instruments>): void {
  const { attempt, outcome, durationMs } = event;
  const failed = outcome !== 'active' && outcome !== 'inactive';
  const attributes: Attributes = {
    ...serverOf(event),
    'introspect.outcome': outcome,
    ...(failed && { 'error.type': outcome }),
  };
  duration.record(durationMs / 1000, attributes);
  const end = Date.now();
  const span = tracer.startSpan('introspect', {
    kind: SpanKind.CLIENT,
    startTime: end - durationMs,
    attributes: { ...attributes, ...(attempt > 1 && { 'http.request.resend_count': attempt - 1 }) },
  });
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(end);
}

function serverOf({ origin }: { origin: string }): Attributes {
  const { hostname, port, protocol } = new URL(origin);
  return { 'server.address': hostname, 'server.port': Number(port || (protocol === 'https:' ? 443 : 80)) };
}
