import * as v from 'valibot';
import { describe, expect, it, vi } from 'vitest';
import { protect } from '../../src/adapter/index.js';
import { type ActiveToken, Authorizer, type IntrospectEvent } from '../../src/index.js';
import { Clocks } from '../support/clocks.js';
import { mapStore } from '../support/map-store.js';
import { scripted, scriptedTransport } from '../support/scripted-transport.js';

const tokens: Record<string, object> = {
  good: { sub: 'mickey', email: 'mickey@example.com' },
  wrong: { sub: 'mickey', email: 'canary' },
  expired: { exp: 1, email: 7 },
};
const schema = v.object({ email: v.pipe(v.string(), v.email()) });

function setUp() {
  const events: IntrospectEvent[] = [];
  const validate = vi.spyOn(schema['~standard'], 'validate');
  validate.mockClear();
  const { transport } = scriptedTransport((token) => ({
    status: 200,
    body: { active: true, ...tokens[token] },
  }));
  const authorizer = new Authorizer({
    ...scripted,
    transport,
    cache: { maxAgeSeconds: 60 },
    claims: schema,
    scopes: ['a'],
    onEvent: (event) => void events.push(event),
  });
  return { authorizer, events, validate };
}

describe('the option claims', () => {
  it('adds token.claims for handlers and checks, and runs once for a cached response', async () => {
    const { authorizer, validate } = setUp();
    const check = vi.fn(() => true);
    for (const _ of [1, 2, 3]) {
      const token = await authorizer.authorize('Bearer good', { check });
      expect(token.claims.email).toBe('mickey@example.com');
    }
    expect(check.mock.calls).toHaveLength(3);
    expect(check).toHaveBeenLastCalledWith(
      expect.objectContaining({ claims: { email: 'mickey@example.com' } }),
      expect.anything(),
    );
    expect(validate).toHaveBeenCalledTimes(1);
  });

  it('stays synchronous on a cache hit', async () => {
    const { authorizer } = setUp();
    const decide = protect(authorizer as Authorizer, {});
    const request = { authorization: 'Bearer good', native: {} };
    await decide(request);
    expect(decide(request)).toMatchObject({ allowed: true, token: { claims: { email: 'mickey@example.com' } } });
  });

  it('denies a token that does not match with 403, before scopes, and emits paths without values', async () => {
    const { authorizer, events } = setUp();
    await expect(authorizer.authorize('Bearer wrong', { scopes: ['a'] })).rejects.toMatchObject({
      code: 'access_denied',
      status: 403,
    });
    expect(events.at(-1)).toEqual({ type: 'claims_rejected', paths: ['email'] });
    expect(JSON.stringify(events)).not.toContain('canary');
    expect(authorizer.stats().lookups.claims_rejected).toBe(1);
  });

  it('is judged after the validity of the token', async () => {
    const { authorizer, validate } = setUp();
    await expect(authorizer.authorize('Bearer expired')).rejects.toMatchObject({ reason: 'expired' });
    expect(validate).not.toHaveBeenCalled();
  });

  it('shares the response of the server with other processes, without the claims, and runs once in each process', async () => {
    const clocks = new Clocks();
    const { now, monotonicNow } = clocks;
    const store = mapStore(clocks);
    const cache = { maxAgeSeconds: 60, localMaxAgeSeconds: 0, store };
    const claims = vi.fn((token: ActiveToken) => ({ plan: token.claims }));
    const { transport } = scriptedTransport(() => ({ status: 200, body: { active: true, claims: 'of the server' } }));
    const process = () => new Authorizer({ ...scripted, now, monotonicNow, transport, cache, claims });
    for (const authorizer of [process(), process()]) {
      for (const _ of [1, 2]) {
        expect(await authorizer.authorize('Bearer good')).toMatchObject({ claims: { plan: 'of the server' } });
      }
    }
    expect(claims).toHaveBeenCalledTimes(2);
    expect([...store.entries.values()].join()).not.toContain('plan');
  });

  it.each([undefined, null, {}, { '~standard': {} }, 'x'])('must be a schema or a function, not %j', (claims) => {
    expect(() => new Authorizer({ ...scripted, claims } as never)).toThrow('Authorizer: "claims"');
  });
});

it('resourceMetadata: lists the scopes of the authorizer (RFC 9728 §2)', () => {
  const authorizer = new Authorizer({ ...scripted, resource: 'https://api.example', scopes: ['a', 'b'] });
  expect(authorizer.resourceMetadata().document.scopes_supported).toEqual(['a', 'b']);
});

it('policy: returns one policy for which all hold, and rejects an unknown scope where it is declared', async () => {
  const { authorizer } = setUp();
  const both = authorizer.policy({ scopes: ['a'] }, { check: () => true });
  await expect(authorizer.authorize('Bearer good', both)).rejects.toMatchObject({ code: 'insufficient_scope' });
  // @ts-expect-error the scope is not in the vocabulary
  expect(() => authorizer.policy({ scopes: ['b'] }, {})).toThrow('unknown scope "b"');
});
