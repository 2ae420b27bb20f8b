/** Spans and metrics over `@opentelemetry/api`, made from the events. */
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

export interface OpenTelemetryOptions {
  /** The global one unless given. */
  tracerProvider?: TracerProvider;
  /** The global one unless given. */
  meterProvider?: MeterProvider;
}

type QuestionEvent = Extract<IntrospectEvent, { type: 'question' }>;

const name = '@acme/introspect-core';

/** Made at the first event: the global providers may be set after the listener is made. */
function instruments({ tracerProvider = trace, meterProvider = metrics }: OpenTelemetryOptions) {
  const tracer = tracerProvider.getTracer(name);
  const meter = meterProvider.getMeter(name);
  const duration = meter.createHistogram('introspect.question.duration', {
    description: 'How long attempts at a question took',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
  });
  const lookups = meter.createCounter('introspect.cache.lookups', {
    description: 'What became of requests at the cache; a stale answer is counted after its miss',
  });
  const renewals = meter.createCounter('introspect.cache.renewals', {
    description: 'Answers renewed in the background',
  });
  const flips = meter.createCounter('introspect.cache.flips', { description: 'Active tokens called inactive' });
  const forgotten = meter.createCounter('introspect.cache.forgotten', { description: 'Calls of forget' });
  const tooLarge = meter.createCounter('introspect.cache.too_large', {
    description: 'Responses that were too large to cache',
  });
  const storeFailures = meter.createCounter('introspect.cache.store.failures', {
    description: 'Failures of the store',
  });
  const shed = meter.createCounter('introspect.questions.shed', { description: 'Questions that were not asked' });
  const breaker = meter.createCounter('introspect.circuit_breaker.changes', { description: 'Opened, and closed' });
  const refused = meter.createCounter('introspect.credentials.refused', {
    description: "This API's own, by the server",
  });
  const unsupported = meter.createCounter('introspect.unsupported_token_types', {
    description: 'Clients whose server does not introspect the kind of token that this API receives',
  });
  const prefiltered = meter.createCounter('introspect.prefilter.refused', {
    description: 'Tokens refused without a question',
  });
  const keyFailures = meter.createCounter('introspect.prefilter.keys.failures', {
    description: "The issuer's keys could not be had",
  });
  const explained = meter.createCounter('introspect.inactive.explained', {
    description: 'Inactive tokens by what may be the cause; in development',
  });
  return {
    unsupported,
    prefiltered,
    keyFailures,
    explained,
    tracer,
    duration,
    lookups,
    renewals,
    flips,
    forgotten,
    tooLarge,
    storeFailures,
    shed,
    breaker,
    refused,
  };
}

/**
 * A listener for the option `onEvent` that makes a span of each attempt at a question, as a child of the span that is
 * active then, and counts everything else.
 *
 * No token, secret or claim is in any of it. Attributes have few values: the server's address, outcomes, priorities.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): IntrospectEventListener {
  let made: ReturnType<typeof instruments> | undefined;
  return (event) => {
    made ??= instruments(options);
    record(event, made);
  };
}

function record(event: IntrospectEvent, made: ReturnType<typeof instruments>): void {
  if (event.type === 'question') recordQuestion(event, made);
  else {
    const [counter, attributes] = countOf(event, made);
    counter.add(1, attributes);
  }
}

/** Which counter an event raises, and with which attributes. */
function countOf(
  event: Exclude<IntrospectEvent, QuestionEvent>,
  made: ReturnType<typeof instruments>,
): [Counter, Attributes] {
  switch (event.type) {
    case 'hit':
    case 'miss':
    case 'coalesced':
    case 'stale':
      return [made.lookups, { 'introspect.cache.result': event.type }];
    case 'refreshed':
      return [made.renewals, { 'introspect.active': event.active }];
    case 'flipped':
      return [made.flips, { 'introspect.believed': event.believed }];
    case 'forgotten':
      return [made.forgotten, { 'introspect.forgotten_by': event.by }];
    case 'refused':
      return [made.prefiltered, { 'introspect.reason': event.reason }];
    case 'keys_failed':
      return [made.keyFailures, {}];
    case 'inactive_explained':
      return [made.explained, { 'introspect.cause': event.cause }];
    case 'too_large_to_cache':
      return [made.tooLarge, {}];
    case 'store_failed':
      return [made.storeFailures, { 'introspect.operation': event.operation }];
    case 'shed':
      return [made.shed, { ...serverOf(event), 'introspect.shed_by': event.by, 'introspect.priority': event.priority }];
    case 'breaker_opened':
      return [made.breaker, { ...serverOf(event), 'introspect.state': 'open' }];
    case 'breaker_closed':
      return [made.breaker, { ...serverOf(event), 'introspect.state': 'closed' }];
    case 'credentials_refused':
      return [made.refused, serverOf(event)];
    case 'unsupported_token_type':
      return [made.unsupported, serverOf(event)];
  }
}

function recordQuestion(event: QuestionEvent, { tracer, duration }: ReturnType<typeof instruments>): void {
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
