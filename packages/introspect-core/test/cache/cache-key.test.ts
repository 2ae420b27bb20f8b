import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cacheKey } from '../../src/cache/cache-key.js';
import type { ResponseInputs } from '../../src/protocol/introspection-request.js';

const setting: ResponseInputs = {
  issuer: 'https://as.example.com',
  endpoint: 'https://as.example.com/introspect',
  clientId: 'api',
  parameters: { a: '1', b: '2' },
  headers: { c: '3', d: '4' },
  tokenTypeHint: 'access_token',
};
const keyOf = (token: string, change: Partial<ResponseInputs> = {}) => cacheKey({ ...setting, ...change })(token);

describe('the key of a question', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is a digest, at once, in which the token is not found', () => {
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
    ['field', { headers: { c: '3', d: '5' } }],
    ['place of parameters and fields', { parameters: setting.headers, headers: setting.parameters }],
    ['hint', { tokenTypeHint: 'refresh_token' }],
    ['absence of a hint', { tokenTypeHint: null }],
  ])('is another one with another %s', (_, change) => {
    expect(keyOf('token', change)).not.toBe(keyOf('token'));
  });

  it('tells a hint that is empty from none', () => {
    expect(keyOf('token', { tokenTypeHint: '' })).not.toBe(keyOf('token', { tokenTypeHint: null }));
  });

  it('is another one with another token', () => {
    expect(keyOf('other')).not.toBe(keyOf('token'));
  });

  it('does not depend on the order of parameters and fields', () => {
    expect(keyOf('token', { parameters: { b: '2', a: '1' }, headers: { d: '4', c: '3' } })).toBe(keyOf('token'));
  });

  const text = fc.string({ unit: fc.constantFrom('1', ':', 'a', 'ü', '🙂'), minLength: 1, maxLength: 4 });
  const record = fc.dictionary(text, text, { maxKeys: 2 });
  const question = fc.record({
    issuer: fc.option(text, { nil: undefined }),
    endpoint: fc.option(text, { nil: undefined }),
    clientId: text,
    parameters: record,
    headers: record,
    tokenTypeHint: fc.option(text),
    token: text,
  });
  const sorted = (given: Record<string, string>) => Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1));

  it('is equal for an equal setting and token, and for no other', () => {
    const written = ({ parameters, headers, ...rest }: ResponseInputs & { token: string }) =>
      JSON.stringify([sorted(parameters), sorted(headers), rest]);
    const property = fc.property(question, question, fc.subarray(Object.keys(setting)), (one, other, alike) => {
      const near = { ...one, ...Object.fromEntries(Object.entries(other).filter(([name]) => !alike.includes(name))) };
      expect(cacheKey(one)(one.token) === cacheKey(near)(near.token)).toBe(written(one) === written(near));
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('cannot be made equal by where a text is cut', () => {
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
    ['no module for it', { getBuiltinModule: () => undefined }],
    ['a module without a synchronous hash', { getBuiltinModule: () => ({}) }],
  ])('is the same digest by Web Crypto where there is %s', async (_, process) => {
    const own = await keyOf('tökenü');
    vi.stubGlobal('process', process);
    const key = cacheKey(setting);
    vi.unstubAllGlobals();
    const digest = key('tökenü');
    expect(digest).toBeInstanceOf(Promise);
    // the one writes base64url, the other base64: a key is compared only with those of its own process
    expect(Buffer.from(await digest, 'base64')).toEqual(Buffer.from(own, 'base64'));
  });
});
