import { type } from 'arktype';
import * as v from 'valibot';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import type { ActiveToken } from '../../src/index.js';
import { ClaimsReader, type ClaimsSource, type StandardSchema } from '../../src/policy/claims-reader.js';

const token: ActiveToken = Object.freeze({
  active: true,
  sub: 'mickey',
  email: 'mickey@example.com',
  address: { country: 'US' },
});
const denied = expect.objectContaining({ code: 'access_denied', status: 403 });

afterEach(() => vi.unstubAllGlobals());

function reader(source: ClaimsSource<unknown>) {
  const onMismatch = vi.fn();
  const claims = new ClaimsReader(source, onMismatch);
  const requests = (response: ActiveToken) => {
    const prepared = claims.prepare(response);
    return () => claims.read(prepared);
  };
  return { read: (response: ActiveToken) => requests(response)(), requests, onMismatch };
}

describe.each<[string, StandardSchema]>([
  ['zod', z.object({ email: z.email(), address: z.object({ country: z.string() }) })],
  ['valibot', v.object({ email: v.pipe(v.string(), v.email()), address: v.object({ country: v.string() }) })],
  ['arktype', type({ email: 'string.email', address: { country: 'string' }, '+': 'delete' })],
])('a schema of %s', (_, schema) => {
  it('adds its output as token.claims, and leaves the response as it is', () => {
    const read = reader(schema).read(token);
    expect(read).toEqual({ ...token, claims: { email: 'mickey@example.com', address: { country: 'US' } } });
    expect(Object.isFrozen(read)).toBe(true);
    expect('claims' in token).toBe(false);
  });

  it('denies a token that does not match, and names the paths but no value', () => {
    const { read, onMismatch } = reader(schema);
    const wrong: ActiveToken = { ...token, email: 'canary-value', address: { country: 7 } };
    expect(() => read(wrong)).toThrow(denied);
    expect(onMismatch.mock.calls.flat(2).sort()).toEqual(['address.country', 'email']);
  });
});

it('runs a schema once for each response, however often the response is used', () => {
  const validate = vi.fn((value: unknown) => ({ value }));
  const { requests, onMismatch } = reader({ '~standard': { version: 1, vendor: 'test', validate } });
  const request = requests(token);
  expect(request()).toBe(request());
  expect(validate).toHaveBeenCalledExactlyOnceWith(token);
  requests({ ...token })();
  expect(validate).toHaveBeenCalledTimes(2);
  expect(onMismatch).not.toHaveBeenCalled();
});

it('reports a mismatch for each request, although the schema runs once', () => {
  const validate = vi.fn(() => ({
    issues: [{ message: 'canary', path: ['roles', { key: 0 }] }, { message: 'whole' }],
  }));
  const { requests, onMismatch } = reader({ '~standard': { version: 1, vendor: 'test', validate } });
  const request = requests(token);
  for (const _ of [1, 2]) expect(request).toThrow(denied);
  expect(validate).toHaveBeenCalledTimes(1);
  expect(onMismatch.mock.calls).toEqual([[['roles.0', '']], [['roles.0', '']]]);
});

describe('a function', () => {
  it('adds what it returns as token.claims', () => {
    expect(reader(({ sub }) => ({ user: sub })).read(token).claims).toEqual({ user: 'mickey' });
  });

  it('passes on an error that it throws to each request, and runs again for the next one', () => {
    const failing = new Error('a bug');
    const source = vi.fn<() => object>(() => {
      throw failing;
    });
    const request = reader(source).requests(token);
    for (const _ of [1, 2]) expect(request).toThrow(failing);
    source.mockReturnValue({ user: 'mickey' });
    expect(request().claims).toEqual({ user: 'mickey' });
  });
});

it.each<[string, ClaimsSource<unknown>]>([
  ['a function', async () => ({})],
  ['a schema', z.object({ sub: z.string().refine(async () => true) })],
  [
    'a schema that rejects',
    { '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error()) } },
  ],
])('rejects %s that is asynchronous', (_, source) => {
  expect(() => reader(source).read(token)).toThrow(/synchronous|asynchronous/i);
});

it('rejects an asynchronous schema where a library has replaced the global Promise', () => {
  vi.stubGlobal('Promise', class extends Promise<unknown> {}); // async functions return the platform's own promises
  const validate = async () => ({ issues: [{ message: 'wrong' }] });
  for (const source of [{ '~standard': { version: 1, vendor: 'test', validate } } as const, async () => ({})]) {
    expect(() => reader(source).read(token)).toThrow(
      new TypeError('"claims" must be synchronous, and not return a promise'),
    );
  }
});

it('handles the rejection of an asynchronous function, so that the process does not end', async () => {
  const rejections = vi.fn();
  process.on('unhandledRejection', rejections);
  expect(() => reader(() => Promise.reject(new Error('a bug'))).read(token)).toThrow(
    new TypeError('"claims" must be synchronous, and not return a promise'),
  );
  await new Promise(setImmediate);
  process.off('unhandledRejection', rejections);
  expect(rejections).not.toHaveBeenCalled();
});
