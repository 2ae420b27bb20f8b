import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cacheKey } from '../../src/cache/cache-key.js';
import type { ResponseInputs } from '../../src/protocol/introspection-request.js';

const inputs: ResponseInputs = {
  issuer: 'https://as.example.com',
  endpoint: 'https://as.example.com/introspect',
  clientId: 'api',
  parameters: { a: '1', b: '2' },
  headers: { c: '3', d: '4' },
  tokenTypeHint: 'access_token',
};
const keyOf = (token: string, change: Partial<ResponseInputs> = {}) => cacheKey({ ...inputs, ...change })(token);

describe('cacheKey', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('returns a digest synchronously, which does not contain the token', () => {
    expect(keyOf('token')).toMatch(/^[\w-]{43}$/);
    expect(keyOf('token')).toBe(keyOf('token'));
  });

  it.each<[string, Partial<ResponseInputs>]>([
    ['issuer', { issuer: 'https://other.example.com' }],
    ['absence of an issuer', { issuer: undefined }],
    ['endpoint', { endpoint: 'https://as.example.com/other' }],
    ['absence of an endpoint', { endpoint: undefined }],
    ['client', { clientId: 'other' }],
    ['parameter', { parameters: { a: '1', b: '3' } }],
    ['absence of a parameter', { parameters: { a: '1' } }],
    ['header field', { headers: { c: '3', d: '5' } }],
    ['exchange of parameters and header fields', { parameters: inputs.headers, headers: inputs.parameters }],
    ['hint', { tokenTypeHint: 'refresh_token' }],
    ['absence of a hint', { tokenTypeHint: null }],
  ])('returns a different key for a different %s', (_, change) => {
    expect(keyOf('token', change)).not.toBe(keyOf('token'));
  });

  it('returns different keys for an empty hint and for no hint', () => {
    expect(keyOf('token', { tokenTypeHint: '' })).not.toBe(keyOf('token', { tokenTypeHint: null }));
  });

  it('returns a different key for a different token', () => {
    expect(keyOf('other')).not.toBe(keyOf('token'));
  });

  it('returns the same key for parameters and header fields in another order', () => {
    expect(keyOf('token', { parameters: { b: '2', a: '1' }, headers: { d: '4', c: '3' } })).toBe(keyOf('token'));
  });

  const text = fc.string({ unit: fc.constantFrom('1', ':', 'a', 'ü', '🙂'), minLength: 1, maxLength: 4 });
  const record = fc.dictionary(text, text, { maxKeys: 2 });
  const inputsAndToken = fc.record({
    issuer: fc.option(text, { nil: undefined }),
    endpoint: fc.option(text, { nil: undefined }),
    clientId: text,
    parameters: record,
    headers: record,
    tokenTypeHint: fc.option(text),
    token: text,
  });
  const sorted = (record: Record<string, string>) => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

  it('returns the same key for equal inputs and tokens, and only for them', () => {
    const textOf = ({ parameters, headers, ...rest }: ResponseInputs & { token: string }) =>
      JSON.stringify([sorted(parameters), sorted(headers), rest]);
    const property = fc.property(
      inputsAndToken,
      inputsAndToken,
      fc.subarray(Object.keys(inputs)),
      (one, other, alike) => {
        const near = { ...one, ...Object.fromEntries(Object.entries(other).filter(([name]) => !alike.includes(name))) };
        expect(cacheKey(one)(one.token) === cacheKey(near)(near.token)).toBe(textOf(one) === textOf(near));
      },
    );
    fc.assert(property, { numRuns: 1000 });
  });

  it('returns different keys for one text that is divided into inputs at different positions', () => {
    const cut = fc.tuple(fc.nat(12), fc.nat(12)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    const parts = (whole: string, [a, b]: readonly [number, number]) => {
      const [issuer, endpoint, token] = [whole.slice(0, a), whole.slice(a, b), whole.slice(b)];
      const settings = [
        { issuer, endpoint },
        { clientId: issuer, parameters: { a: endpoint } },
        { parameters: { [issuer]: endpoint } },
        { headers: { [issuer]: endpoint } },
        { clientId: issuer, tokenTypeHint: endpoint },
      ];
      return settings.map((change) => keyOf(token, change));
    };
    const whole = fc.string({ unit: fc.constantFrom('1', ':', 'a'), minLength: 12, maxLength: 12 });
    const property = fc.property(whole, cut, cut, (whole, one, other) => {
      fc.pre(one.join() !== other.join());
      expect(new Set([...parts(whole, one), ...parts(whole, other)]).size).toBe(10);
    });
    fc.assert(property);
  });

  it.each([
    ['no process', undefined],
    ['a process without built-in modules', {}],
    ['no module node:crypto', { getBuiltinModule: () => undefined }],
    ['a module without a synchronous hash', { getBuiltinModule: () => ({}) }],
  ])('returns a promise of the same key by Web Crypto on a platform with %s', async (_, process) => {
    const synchronous = await keyOf('tökenü');
    vi.stubGlobal('process', process);
    const key = cacheKey(inputs);
    vi.unstubAllGlobals();
    const digest = key('tökenü');
    expect(digest).toBeInstanceOf(Promise);
    expect(await digest).toBe(synchronous);
  });
});
