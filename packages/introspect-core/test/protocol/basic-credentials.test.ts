import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  basicCredentials,
  type ClientAuthentication,
  clientSecretBasic,
  noClientAuthentication,
} from '../../src/index.js';
import { encodingHint } from '../../src/protocol/basic-credentials.js';
import { vectors } from '../support/vectors.js';

interface CredentialsVector {
  id: string;
  clientId: string;
  clientSecret: string;
  authorization?: string;
  expectError?: true;
}

describe('basicCredentials', () => {
  it.each(vectors<CredentialsVector>('basic-credentials'))('$id', ({ clientId, clientSecret, ...vector }) => {
    if (vector.expectError) expect(() => basicCredentials(clientId, clientSecret)).toThrow(TypeError);
    else expect(basicCredentials(clientId, clientSecret)).toBe(vector.authorization);
  });

  it('rejects an empty client id', () => {
    expect(() => basicCredentials('', 's')).toThrow('"clientId" must be a string that is not empty');
  });

  it('rejects a lone surrogate in either value, and names which', () => {
    expect(() => basicCredentials('a\ud800', 's')).toThrow('"clientId" has a lone surrogate');
    expect(() => basicCredentials('a', 's\udc00')).toThrow('"clientSecret" has a lone surrogate');
  });

  it('can be decoded by a server that splits at the first colon and form-decodes', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(
        text.filter((id) => id !== ''),
        text,
        (id, secret) => {
          const value = basicCredentials(id, secret);
          expect(value).toMatch(/^Basic [A-Za-z0-9+/]+=*$/);
          const [first = '', ...rest] = atob(value.slice('Basic '.length)).split(':');
          expect(formDecode(first)).toBe(id);
          expect(formDecode(rest.join(':'))).toBe(secret);
        },
      ),
    );
  });
});

function formDecode(value: string): string {
  return decodeURIComponent(value.replaceAll('+', ' '));
}

describe('the hint at the other encoding of HTTP Basic', () => {
  const plain = { clientId: 'api', clientSecret: 'secret-1' };
  const special = { clientId: 'api', clientSecret: 'a+b' };
  const basic = (text: string) => `Basic ${btoa(text)}`;

  it.each<[string, ClientAuthentication, string | undefined, boolean]>([
    ['an authentication without HTTP Basic', noClientAuthentication(), basic('api:a+b'), true],
    ['a request that has no Authorization field', clientSecretBasic(special), undefined, true],
    ['form-encoded credentials without special characters', clientSecretBasic(plain), basic('api:secret-1'), true],
    ['form-encoded credentials that were not rejected', clientSecretBasic(special), basic('api:a%2Bb'), false],
    [
      'raw credentials without special characters',
      clientSecretBasic({ ...plain, encoding: 'raw' }),
      basic('api:s'),
      true,
    ],
  ])('is empty for %s', (_, authentication, authorization, isRejection) => {
    expect(encodingHint(authentication, authorization, isRejection)).toBe('');
  });
});
