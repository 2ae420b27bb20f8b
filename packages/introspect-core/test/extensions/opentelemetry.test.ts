import { inspect } from 'node:util';
import {
  active,
  json,
  respond,
  type ScriptedServer,
  startScriptedServer,
  zitadelResponses,
} from '@acme/introspect-testing';
import { context, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTelemetry } from '../../src/extensions/opentelemetry/opentelemetry.js';
import { Authorizer, type AuthorizerOptions, type IntrospectEvent } from '../../src/index.js';

const spans = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });

/** Returns a meter provider, and functions that return what was recorded with it. */
function meters() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 31 - 1 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const recorded = async () => {
    await meterProvider.forceFlush();
    return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  };
  const counted = async () =>
    (await recorded()).flatMap(({ descriptor: { name }, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => [name, attributes, value]),
    );
  return { meterProvider, recorded, counted };
}

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterEach(async () => {
  context.disable();
  trace.disable();
  metrics.disable();
  spans.reset();
  await server.close();
});

const authorizerOf = (options: Partial<AuthorizerOptions> = {}) =>
  new Authorizer({
    introspectionEndpoint: server.introspectionEndpoint,
    clientId: 'api',
    clientSecret: 'secret',
    onEvent: openTelemetry({ tracerProvider, meterProvider: meters().meterProvider }),
    ...options,
  });
const settled = (request: Promise<unknown>) => request.catch(() => {});
const address = () => ({ 'server.address': '127.0.0.1', 'server.port': Number(new URL(server.origin).port) });

it('openTelemetry describes each instrument', async () => {
  const scopes: unknown[] = [];
  const described: Record<string, unknown> = {};
  const create = (name: string, options: object) => {
    described[name] = options;
    return { add() {}, record() {} };
  };
  const getMeter = (scope: string) => {
    scopes.push(scope);
    return { createCounter: create, createHistogram: create };
  };
  const onEvent = openTelemetry({ tracerProvider, meterProvider: { getMeter } as object as MeterProvider });
  await settled(authorizerOf({ onEvent }).authorize('Bearer token'));
  expect(scopes).toEqual(['@acme/introspect-core']);
  expect(described).toEqual({
    'introspect.client.request.duration': {
      description: 'Duration of introspection requests, each attempt by itself',
      unit: 's',
      advice: {
        explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
      },
    },
    'introspect.cache.lookups': {
      description: 'Cache lookups by result; a stale response is counted after its miss',
    },
    'introspect.cache.refreshes': { description: 'Cached responses refreshed in the background' },
    'introspect.cache.rechecks': { description: 'Rechecks of tokens that were suddenly inactive' },
    'introspect.cache.invalidations': { description: 'Calls of invalidate' },
    'introspect.cache.too_large': { description: 'Responses that were too large to cache' },
    'introspect.claims.rejected': { description: 'Tokens whose claims do not match the schema of the API' },
    'introspect.decisions': { description: 'Decisions about requests, by outcome and reason' },
    'introspect.cache.store.failures': { description: 'Failures of the store' },
    'introspect.client.request.shed': { description: 'Introspection requests that were not sent' },
    'introspect.circuit_breaker.changes': { description: 'Times that the circuit breaker opened or closed' },
    'introspect.credentials.refused': { description: "Rejections of this API's own credentials by the server" },
    'introspect.unsupported_token_types': {
      description: 'Clients whose server does not introspect the kind of token that this API receives',
    },
    'introspect.prefilter.rejected': { description: 'Tokens that the prefilter rejected' },
    'introspect.prefilter.jwks.failures': { description: "Failures to fetch the issuer's keys" },
    'introspect.inactive.explained': { description: 'Inactive tokens by their possible cause; in development' },
  });
});

describe('a span', () => {
  it('is recorded for each attempt, with the server and the outcome', async () => {
    server.next(respond({ status: 503 }), active());
    const before = Date.now();
    await authorizerOf().authorize('Bearer token');
    const [first, second] = spans.getFinishedSpans();
    expect(first).toMatchObject({ name: 'introspect', kind: SpanKind.CLIENT, status: { code: SpanStatusCode.ERROR } });
    expect(first?.attributes).toEqual({
      ...address(),
      'introspect.outcome': 'unavailable',
      'error.type': 'unavailable',
    });
    expect(second).toMatchObject({ name: 'introspect', kind: SpanKind.CLIENT, status: { code: SpanStatusCode.UNSET } });
    expect(second?.attributes).toEqual({
      ...address(),
      'introspect.outcome': 'active',
      'http.request.resend_count': 1,
    });
    expect(spans.getFinishedSpans()).toHaveLength(2);
    for (const span of spans.getFinishedSpans()) {
      const [startedAt, endedAt] = [span.startTime, span.endTime].map(([s, ns]) => s * 1000 + ns / 1e6);
      expect(startedAt).toBeGreaterThanOrEqual(before - 1);
      expect(endedAt).toBeGreaterThanOrEqual(Number(startedAt));
      expect(endedAt).toBeLessThanOrEqual(Date.now() + 1);
    }
  });

  it('has the duration of the introspection request', () => {
    const listener = openTelemetry({ tracerProvider, meterProvider: meters().meterProvider });
    listener({ type: 'introspected', origin: 'https://as.example', attempt: 1, outcome: 'active', durationMs: 1500 });
    const [span] = spans.getFinishedSpans();
    expect(span?.attributes).toMatchObject({ 'server.address': 'as.example', 'server.port': 443 });
    const [seconds = 0, nanoseconds = 0] = span?.duration ?? [];
    expect(seconds + nanoseconds / 1e9).toBeCloseTo(1.5, 2);
  });

  it.each([
    ['inactive', json({ active: false }), SpanStatusCode.UNSET],
    ['invalid_response', respond({ body: '<html>' }), SpanStatusCode.ERROR],
    ['invalid_client', zitadelResponses.invalidClient(), SpanStatusCode.ERROR],
    ['unsupported_token_type', json({ error: 'unsupported_token_type' }, { status: 400 }), SpanStatusCode.ERROR],
  ])('with outcome %s has the matching status', async (outcome, response, code) => {
    server.next(response);
    await settled(authorizerOf().authorize('Bearer token'));
    const [span] = spans.getFinishedSpans();
    expect(span).toMatchObject({ status: { code }, attributes: { 'introspect.outcome': outcome } });
  });

  it('is a child of the span that was active when its own request was sent', async () => {
    const authorizer = authorizerOf({ limits: { concurrent: 1 } });
    const tracer = tracerProvider.getTracer('test');
    await Promise.all(
      ['a', 'b', 'c'].map((token) =>
        tracer.startActiveSpan(token, async (span) => {
          server.tokens.set(token, {});
          await authorizer.authorize(`Bearer ${token}`);
          span.end();
        }),
      ),
    );
    const parents = spans.getFinishedSpans().filter(({ name }) => name !== 'introspect');
    const children = spans.getFinishedSpans().filter(({ name }) => name === 'introspect');
    expect(children).toHaveLength(3);
    expect(children.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(
      parents.map((parent) => parent.spanContext().spanId),
    );
  });
});

const origin = 'https://as.example';
const of = { 'server.address': 'as.example', 'server.port': 443 };

/** Each event that is counted, the name of its counter, and the attributes. */
const counters: [event: IntrospectEvent, name: string, attributes: object][] = [
  [{ type: 'cache_hit', active: true }, 'introspect.cache.lookups', { 'introspect.cache.result': 'hit' }],
  [{ type: 'cache_miss' }, 'introspect.cache.lookups', { 'introspect.cache.result': 'miss' }],
  [{ type: 'coalesced' }, 'introspect.cache.lookups', { 'introspect.cache.result': 'coalesced' }],
  [{ type: 'stale_served', ageSeconds: 7 }, 'introspect.cache.lookups', { 'introspect.cache.result': 'stale' }],
  [{ type: 'refreshed', active: false }, 'introspect.cache.refreshes', { 'introspect.active': false }],
  [{ type: 'rechecked', active: true }, 'introspect.cache.rechecks', { 'introspect.active': true }],
  [{ type: 'invalidated', by: 'sub' }, 'introspect.cache.invalidations', { 'introspect.invalidated_by': 'sub' }],
  [{ type: 'store_failed', operation: 'get' }, 'introspect.cache.store.failures', { 'introspect.operation': 'get' }],
  [{ type: 'too_large_to_cache' }, 'introspect.cache.too_large', {}],
  [
    { type: 'shed', origin, by: 'limits', priority: 'low' },
    'introspect.client.request.shed',
    { ...of, 'introspect.shed_by': 'limits', 'introspect.priority': 'low' },
  ],
  [{ type: 'breaker_opened', origin }, 'introspect.circuit_breaker.changes', { ...of, 'introspect.state': 'open' }],
  [{ type: 'breaker_closed', origin }, 'introspect.circuit_breaker.changes', { ...of, 'introspect.state': 'closed' }],
  [
    { type: 'prefilter_rejected', reason: 'expired' },
    'introspect.prefilter.rejected',
    { 'introspect.reason': 'expired' },
  ],
  [{ type: 'jwks_failed' }, 'introspect.prefilter.jwks.failures', {}],
  [
    { type: 'inactive_explained', cause: 'opaque', message: 'It is not a JWT' },
    'introspect.inactive.explained',
    { 'introspect.cause': 'opaque' },
  ],
  [{ type: 'claims_rejected', paths: ['email'] }, 'introspect.claims.rejected', {}],
  [{ type: 'decided', outcome: 'allowed' }, 'introspect.decisions', { 'introspect.outcome': 'allowed' }],
  [
    { type: 'decided', outcome: 'invalid_token', reason: 'expired' },
    'introspect.decisions',
    { 'introspect.outcome': 'invalid_token', 'introspect.reason': 'expired' },
  ],
  [{ type: 'credentials_refused', origin }, 'introspect.credentials.refused', of],
  [{ type: 'unsupported_token_type', origin }, 'introspect.unsupported_token_types', of],
];

describe('a metric', () => {
  it.each(counters)('counts %j', async (event, name, attributes) => {
    const { meterProvider, counted } = meters();
    const listener = openTelemetry({ tracerProvider, meterProvider });
    listener(event);
    listener(event);
    expect(await counted()).toEqual([[name, attributes, 2]]);
    expect(spans.getFinishedSpans()).toEqual([]);
  });

  it('records the duration of the attempts, in seconds', async () => {
    const { meterProvider, recorded } = meters();
    let now = 0;
    server.next((response, request) => {
      now += 250;
      active()(response, request);
    });
    await authorizerOf({
      monotonicNow: () => now,
      onEvent: openTelemetry({ tracerProvider, meterProvider }),
    }).authorize('Bearer token');
    expect(await recorded()).toMatchObject([
      {
        descriptor: { name: 'introspect.client.request.duration', unit: 's' },
        dataPoints: [{ attributes: { ...address(), 'introspect.outcome': 'active' }, value: { count: 1, sum: 0.25 } }],
      },
      {
        descriptor: { name: 'introspect.decisions' },
        dataPoints: [{ attributes: { 'introspect.outcome': 'allowed' }, value: 1 }],
      },
    ]);
  });
});

it('openTelemetry: without providers it uses the global ones, even if they are set later', async () => {
  const onEvent = openTelemetry();
  const { meterProvider, counted } = meters();
  trace.setGlobalTracerProvider(tracerProvider);
  metrics.setGlobalMeterProvider(meterProvider);
  await settled(authorizerOf({ onEvent, cache: { maxAgeSeconds: 60 } }).authorize('Bearer token'));
  expect(spans.getFinishedSpans()).toHaveLength(1);
  expect((await counted()).map(([name]) => name)).toEqual([
    'introspect.client.request.duration',
    'introspect.cache.lookups',
    'introspect.decisions',
  ]);
});

it('openTelemetry: no span and no metric contains the token, the secret or a claim', async () => {
  const { meterProvider, recorded } = meters();
  const authorizer = authorizerOf({
    clientSecret: 'canary-secret',
    onEvent: openTelemetry({ tracerProvider, meterProvider }),
    cache: { maxAgeSeconds: 60 },
  });
  server.next(active({ sub: 'canary-claim' }), json({ error: 'canary-claim' }, { status: 400 }));
  for (const token of ['canary-a', 'canary-a', 'canary-b']) await settled(authorizer.authorize(`Bearer ${token}`));
  await authorizer.invalidate({ sub: 'canary-claim' });
  expect(spans.getFinishedSpans()).toHaveLength(2);
  const all = [
    spans.getFinishedSpans().map(({ name, attributes, events, status }) => [name, attributes, events, status]),
  ];
  expect(inspect([all, await recorded()], { depth: null })).not.toContain('canary');
});
