import { describe, expect, it } from 'vitest';
import { basicCredentials, type ClientSecretOptions, clientSecretBasic, clientSecretPost } from '../../src/index.js';

const context = { endpoint: 'https://as.example.com/introspect', afterRejection: false };
const emptyRequest = () => ({ headers: {} as Record<string, string>, body: new URLSearchParams() });

describe('clientSecretBasic', () => {
  it('sets the Authorization field and leaves the form alone', async () => {
    const request = emptyRequest();
    await clientSecretBasic({ clientId: 's6BhdRkqt3', clientSecret: 'gX1fBat3bV' }).apply(request, context);
    expect(request.headers).toEqual({ authorization: 'Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW' });
    expect(request.body.size).toBe(0);
  });

  it('calls a secret function for each request, so that the secret may rotate', async () => {
    const secrets = ['one', 'two'];
    const authentication = clientSecretBasic({ clientId: 'c', clientSecret: async () => secrets.shift() ?? '' });
    const first = emptyRequest();
    const second = emptyRequest();
    await authentication.apply(first, context);
    await authentication.apply(second, context);
    expect([first, second].map(({ headers }) => headers.authorization)).toEqual([
      basicCredentials('c', 'one'),
      basicCredentials('c', 'two'),
    ]);
  });

  it('never calls a secret function at construction', () => {
    clientSecretBasic({
      clientId: 'c',
      clientSecret: () => {
        throw new Error('called');
      },
    });
  });
});

describe('clientSecretBasic with "encoding": "raw"', () => {
  const sentBy = async (options: Parameters<typeof clientSecretBasic>[0]) => {
    const request = emptyRequest();
    await clientSecretBasic(options).apply(request, context);
    return request.headers.authorization;
  };
  const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

  it('sends the UTF-8 bytes of id and secret as they are', async () => {
    const secret = 'a:b+c%d& é€ß x';
    expect(await sentBy({ clientId: 'api@acme', clientSecret: secret, encoding: 'raw' })).toBe(
      `Basic ${base64(`api@acme:${secret}`)}`,
    );
    expect(await sentBy({ clientId: 'c', clientSecret: async () => secret, encoding: 'raw' })).toBe(
      `Basic ${base64(`c:${secret}`)}`,
    );
  });

  it('sends the same as "form" if no character needs encoding', async () => {
    const options = { clientId: 'api_1', clientSecret: 'A-z.9*' };
    const [raw, form] = [await sentBy({ ...options, encoding: 'raw' }), await sentBy({ ...options, encoding: 'form' })];
    expect(raw).toBe(form);
    expect(form).toBe(await sentBy(options));
  });

  it('rejects a client id with a colon, an unknown encoding, and a secret with a lone surrogate', async () => {
    const options = { clientId: 'a:b', clientSecret: 's' };
    expect(() => clientSecretBasic({ ...options, encoding: 'raw' })).toThrow(
      'clientSecretBasic: "clientId" must not have a colon with "encoding": "raw"',
    );
    expect(() => clientSecretBasic(options)).not.toThrow();
    expect(() => clientSecretBasic({ ...options, encoding: 'none' as never })).toThrow(
      'clientSecretBasic: "encoding" must be "form" or "raw"',
    );
    await expect(sentBy({ clientId: 'c', clientSecret: () => 'x\ud800', encoding: 'raw' })).rejects.toThrow(
      '"clientSecret" has a lone surrogate',
    );
  });
});

describe('clientSecretPost', () => {
  it('puts id and secret into the form and leaves the header fields alone', async () => {
    const request = emptyRequest();
    await clientSecretPost({ clientId: 'c d', clientSecret: 'a+b&c=d e' }).apply(request, context);
    expect(request.body.toString()).toBe('client_id=c+d&client_secret=a%2Bb%26c%3Dd+e');
    expect(request.headers).toEqual({});
  });

  it('calls a secret function for each request', async () => {
    const request = emptyRequest();
    await clientSecretPost({ clientId: 'c', clientSecret: () => 'from a function' }).apply(request, context);
    expect(request.body.get('client_secret')).toBe('from a function');
  });

  it('rejects an invalid secret from a function', async () => {
    const returning = (secret: unknown) =>
      Promise.resolve(
        clientSecretPost({ clientId: 'c', clientSecret: () => secret as string }).apply(emptyRequest(), context),
      );
    await expect(returning(5)).rejects.toThrow('"clientSecret" must be a string');
    for (const unset of [undefined, '', 'undefined']) {
      await expect(returning(unset)).rejects.toThrow('is an environment variable unset?');
    }
    await expect(returning('\udfff')).rejects.toThrow('"clientSecret" has a lone surrogate');
  });
});

describe.each([
  ['clientSecretBasic', clientSecretBasic],
  ['clientSecretPost', clientSecretPost],
])('%s at construction', (name, method) => {
  it.each([
    ['an empty client id', { clientId: '', clientSecret: 's' }, '"clientId"'],
    ['a client id that is not a string', { clientId: 5 as never, clientSecret: 's' }, '"clientId"'],
    ['a lone surrogate in the client id', { clientId: '\ud800', clientSecret: 's' }, '"clientId"'],
    ['a lone surrogate beside a secret function', { clientId: '\ud800', clientSecret: () => 's' }, '"clientId"'],
    ['a lone surrogate in the secret', { clientId: 'c', clientSecret: 'x\ud800x' }, '"clientSecret"'],
    ['a secret that is not a string', { clientId: 'c', clientSecret: 5 as never }, '"clientSecret" must be a string'],
    ...[undefined, '', 'undefined'].flatMap((unset): [string, ClientSecretOptions, string][] => [
      [`a client id of ${JSON.stringify(unset)}`, { clientId: unset, clientSecret: 's' }, '"clientId"'],
      [`a secret of ${JSON.stringify(unset)}`, { clientId: 'c', clientSecret: unset }, '"clientSecret"'],
    ]),
    ['a secret that is not there', { clientId: 'c' } as never, '"clientSecret" must be a string'],
    ['a client id that is not there', { clientSecret: 's' } as never, '"clientId" must be a string that is not empty'],
    ['no options', undefined as never, '"clientId" must be a string that is not empty'],
    [
      'an option that it does not know',
      { clientId: 'c', clientSecret: 's', clientSecretFile: 'f' } as never,
      `${name}: unknown option "clientSecretFile"; known options: clientId, clientSecret`,
    ],
  ])('rejects %s', (_, options, named) => {
    expect(() => method(options)).toThrow(TypeError);
    expect(() => method(options)).toThrow(named);
  });

  it('keeps the client id readable, and hides the secret', () => {
    const authentication = method({ clientId: 'c', clientSecret: 'hidden-canary' });
    expect(authentication.clientId).toBe('c');
    expect(JSON.stringify(authentication)).not.toContain('hidden-canary');
  });
});
