import { readFile } from 'node:fs/promises';
import type { IntrospectEvent } from '@acme/introspect-core';
import { openTelemetry } from '@acme/introspect-core/opentelemetry';
import { expect, it } from 'vitest';

const origin = 'https://as.example';
/** One event of each type. */
const events: { [Type in IntrospectEvent['type']]: Extract<IntrospectEvent, { type: Type }> } = {
  introspected: { type: 'introspected', origin, attempt: 2, outcome: 'unavailable', durationMs: 1 },
  cache_hit: { type: 'cache_hit', active: true },
  cache_miss: { type: 'cache_miss' },
  coalesced: { type: 'coalesced' },
  stale_served: { type: 'stale_served', ageSeconds: 7 },
  refreshed: { type: 'refreshed', active: false },
  rechecked: { type: 'rechecked', active: true },
  invalidated: { type: 'invalidated', by: 'sub' },
  store_failed: { type: 'store_failed', operation: 'get' },
  claims_rejected: { type: 'claims_rejected', paths: ['email'] },
  decided: { type: 'decided', outcome: 'invalid_token', reason: 'expired' },
  too_large_to_cache: { type: 'too_large_to_cache' },
  shed: { type: 'shed', origin, by: 'limits', priority: 'low' },
  breaker_opened: { type: 'breaker_opened', origin },
  breaker_closed: { type: 'breaker_closed', origin },
  prefilter_rejected: { type: 'prefilter_rejected', reason: 'expired' },
  jwks_failed: { type: 'jwks_failed' },
  inactive_explained: { type: 'inactive_explained', cause: 'opaque', message: 'It is not a JWT' },
  credentials_refused: { type: 'credentials_refused', origin },
  unsupported_token_type: { type: 'unsupported_token_type', origin },
};

/** Returns the names of the attributes that are recorded for each metric. */
function recordedAttributes(): Map<string, Set<string>> {
  const recorded = new Map<string, Set<string>>();
  const instrument = (name: string) => {
    const record = (_: number, attributes: object) =>
      recorded.set(name, new Set([...(recorded.get(name) ?? []), ...Object.keys(attributes)]));
    return { add: record, record };
  };
  const meterProvider = { getMeter: () => ({ createCounter: instrument, createHistogram: instrument }) };
  const listener = openTelemetry({ meterProvider } as unknown as Parameters<typeof openTelemetry>[0]);
  for (const event of Object.values(events)) listener(event);
  return recorded;
}

it('docs/operations.md names every metric that openTelemetry() records, with each of its attributes', async () => {
  const docs = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const rows = new Map([...docs.matchAll(/^\| `(introspect\.[\w.]+)` +\|(.*)$/gm)].map(([, name, row]) => [name, row]));
  const metrics = recordedAttributes();
  expect([...rows.keys()].toSorted()).toEqual([...metrics.keys()].toSorted());
  for (const [name, attributes] of metrics) {
    for (const attribute of attributes) expect(rows.get(name)).toContain(`\`${attribute}\``);
  }
});
