/** Spans and metrics over `@opentelemetry/api`, made from the events. */
import type { IntrospectEvent, IntrospectEventListener } from '@acme/introspect-core';
import {
  type Attributes,
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

/**
 * A listener for the option `onEvent` that makes a span of each attempt at a question, as a child of the span that is
 * active then, and counts everything else.
 *
 * No token, secret or claim is in any of it. Attributes have few values: the server's address, outcomes, priorities.
 */
export function openTelemetry({
  tracerProvider = trace,
  meterProvider = metrics,
}: OpenTelemetryOptions = {}): IntrospectEventListener {
  const tracer = tracerProvider.getTracer(name);
  const meter = meterProvider.getMeter(name);
  const duration = meter.createHistogram('introspect.question.duration', {
    description: 'How long attempts at a question took',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
  });
  const lookups = meter.createCounter('introspect.cache.lookups', { description: 'How requests got their answer' });
  const renewals = meter.createCounter('introspect.cache.renewals', {
    description: 'Answers renewed in the background',
  });
  const flips = meter.createCounter('introspect.cache.flips', { description: 'Active tokens called inactive' });
  const forgotten = meter.createCounter('introspect.cache.forgotten', { description: 'Calls of forget' });
  const storeFailures = meter.createCounter('introspect.cache.store.failures', {
    description: 'Failures of the store',
  });
  const shed = meter.createCounter('introspect.questions.shed', { description: 'Questions turned away by the limits' });
  const breaker = meter.createCounter('introspect.circuit_breaker.changes', { description: 'Opened, and closed' });
  const refused = meter.createCounter('introspect.credentials.refused', {
    description: "This API's own, by the server",
  });

  function question({ origin, attempt, outcome, durationMs }: QuestionEvent): void {
    const { hostname, port, protocol } = new URL(origin);
    const failed = outcome !== 'active' && outcome !== 'inactive';
    const attributes: Attributes = {
      'server.address': hostname,
      'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
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

  return (event) => {
    switch (event.type) {
      case 'question':
        return question(event);
      case 'hit':
      case 'miss':
      case 'coalesced':
      case 'stale':
        return lookups.add(1, { 'introspect.cache.result': event.type });
      case 'refreshed':
        return renewals.add(1, { 'introspect.active': event.active });
      case 'flipped':
        return flips.add(1, { 'introspect.believed': event.believed });
      case 'forgotten':
        return forgotten.add(1, { 'introspect.forgotten_by': event.by });
      case 'store_failed':
        return storeFailures.add(1, { 'introspect.operation': event.operation });
      case 'shed':
        return shed.add(1, { 'introspect.priority': event.priority });
      case 'breaker_opened':
      case 'breaker_closed':
        return breaker.add(1, { 'introspect.state': event.type === 'breaker_opened' ? 'open' : 'closed' });
      case 'credentials_refused':
        return refused.add(1);
    }
  };
}
