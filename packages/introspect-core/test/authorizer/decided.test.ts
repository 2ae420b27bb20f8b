import { channel } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { Authorizer, type IntrospectEvent, type Policy } from '../../src/index.js';
import { scripted, scriptedTransport } from '../support/scripted-transport.js';

function setUp(receivesDecisions: boolean) {
  const events: IntrospectEvent[] = [];
  const onEvent = Object.assign((event: IntrospectEvent) => void events.push(event), { receivesDecisions });
  const { transport } = scriptedTransport((token) => ({ body: { active: token === 'good', sub: 's' } }));
  const authorizer = new Authorizer({ ...scripted, transport, onEvent, cache: { maxAgeSeconds: 60 } });
  return { authorizer, decisions: () => events.filter(({ type }) => type === 'decided') };
}

describe('the event "decided"', () => {
  it.each<[string, string | undefined, Policy, object]>([
    ['a valid token', 'Bearer good', {}, { outcome: 'allowed' }],
    ['no token, where the policy is optional', undefined, { optional: true }, { outcome: 'anonymous' }],
    ['no token', undefined, {}, { outcome: 'missing_token' }],
    ['an inactive token', 'Bearer bad', {}, { outcome: 'invalid_token', reason: 'inactive' }],
    ['a malformed field', 'Bearer a b', {}, { outcome: 'invalid_request' }],
    ['a token without the scope', 'Bearer good', { scopes: ['a'] }, { outcome: 'insufficient_scope' }],
    ['a check that throws', 'Bearer good', { check: () => Promise.reject(new Error('bug')) }, { outcome: 'failed' }],
  ])('%s: is emitted once for each request, also on a cache hit', async (_, authorization, policy, expected) => {
    const { authorizer, decisions } = setUp(true);
    for (const _ of [1, 2]) await authorizer.authorize(authorization, policy).catch(() => {});
    expect(decisions()).toStrictEqual(Array(2).fill({ type: 'decided', ...expected }));
  });

  it('is not emitted to a listener without receivesDecisions, nor on the diagnostics channel', async () => {
    const published: unknown[] = [];
    const subscriber = (event: unknown) => void published.push(event);
    const events = channel('@acme/introspect-core');
    events.subscribe(subscriber);
    for (const receives of [false, true]) {
      const { authorizer, decisions } = setUp(receives);
      await authorizer.authorize('Bearer good');
      expect(decisions()).toHaveLength(receives ? 1 : 0);
    }
    events.unsubscribe(subscriber);
    expect(published.map((event) => (event as IntrospectEvent).type)).not.toContain('decided');
  });
});
