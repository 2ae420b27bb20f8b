import { describe, expect, it } from 'vitest';
import { isLoopback, urlProblem } from '../../src/protocol/secure-url.js';

const notAbsolute = 'must be an absolute URL, such as "https://example.com"';
const insecure =
  'must be https, except on loopback: tokens and secrets are sent there ("allowInsecureHttp" permits it)';

describe('urlProblem', () => {
  it.each([
    ['https://a.example', undefined],
    ['HTTPS://a.example/b?c', undefined],
    ['http://localhost:8080', undefined],
    ['http://127.0.0.1', undefined],
    ['http://[::1]:8080/a', undefined],
    ['', notAbsolute],
    ['a.example', notAbsolute],
    ['/a', notAbsolute],
    ['https:a.example', notAbsolute],
    ['https://', notAbsolute],
    ['https://a b', notAbsolute],
    ['https://a.example/b c', notAbsolute],
    ['https://a.example/\\b', notAbsolute],
    [' https://a.example', notAbsolute],
    ['https://a.example\n', notAbsolute],
    ['https://[', notAbsolute],
    ['ftp://a.example', 'must be an https URL'],
    ['http://a.example', insecure],
    ['http://localhost.example', insecure],
    ['http://127.0.0.1.example', insecure],
    ['https://user@a.example', 'must not hold a user name or password'],
    ['https://:secret@a.example', 'must not hold a user name or password'],
    ['https://a.example/#b', 'must not have a fragment'],
    ['https://a.example/#', 'must not have a fragment'],
  ])('of %j → %s', (url, problem) => {
    expect(urlProblem(url, false)).toBe(problem);
  });

  it('permits http for any host if "allowInsecureHttp" is true, and no other scheme', () => {
    expect([urlProblem('http://a.example', true), urlProblem('ftp://a.example', true)]).toEqual([
      undefined,
      'must be an https URL',
    ]);
  });

  it('has another text for an insecure URL if one is given', () => {
    expect(urlProblem('http://a.example', false, 'must be safe')).toBe('must be safe');
  });
});

it.each([
  ['localhost', true],
  ['[::1]', true],
  ['127.0.0.1', true],
  ['127.10.200.255', true],
  ['128.0.0.1', false],
  ['0.127.0.0.1', false],
  ['127.0.0.1.example', false],
  ['localhost.example', false],
  ['my-localhost', false],
])('isLoopback: %s → %s', (hostname, expected) => {
  expect(isLoopback(hostname)).toBe(expected);
});
