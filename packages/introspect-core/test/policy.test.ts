import { describe, expect, it } from 'vitest';
import { type Expectations, invalidReason } from '../src/policy.js';

const now = 1750000000;
const judge = (claims: object, expected: Partial<Expectations> = {}) =>
  invalidReason({ active: true, ...claims }, expected, now);

describe('invalidReason', () => {
  it('accepts a token of which nothing is known and nothing expected', () => {
    expect(judge({})).toBeUndefined();
  });

  const cases: [what: string, claims: object, expected: Partial<Expectations>, reason: string | undefined][] = [
    ['exp', { exp: now + 1 }, {}, undefined],
    ['exp is over at its very second', { exp: now }, {}, 'expired'],
    ['exp is given no skew by default', { exp: now - 1 }, {}, 'expired'],
    ['exp within a skew that is given', { exp: now - 29 }, { clockSkewSeconds: 30 }, undefined],
    ['exp at the end of that skew', { exp: now - 30 }, { clockSkewSeconds: 30 }, 'expired'],
    ['nbf within the default skew', { nbf: now + 30 }, {}, undefined],
    ['nbf past the default skew', { nbf: now + 31 }, {}, 'not_yet_valid'],
    ['nbf past a skew that is given', { nbf: now + 1 }, { clockSkewSeconds: 0 }, 'not_yet_valid'],
    ['nbf at its very second', { nbf: now }, { clockSkewSeconds: 0 }, undefined],
    ['a PAT without end', { exp: 253402300799 }, {}, undefined],
    ['another issuer', { iss: 'https://b' }, { issuer: 'https://a' }, 'issuer_mismatch'],
    ['no issuer in the answer', {}, { issuer: 'https://a' }, undefined],
    ['no issuer configured', { iss: 'https://b' }, {}, undefined],
    ['one audience of several', { aud: ['x', 'api'] }, { audience: ['api', 'other'] }, undefined],
    ['an audience that only begins so', { aud: 'api.evil' }, { audience: ['api'] }, 'audience_mismatch'],
    ['no audience at all', {}, { audience: ['api'] }, 'audience_mismatch'],
    ['an empty list of audiences', { aud: [] }, { audience: ['api'] }, 'audience_mismatch'],
    ...['refresh', 'Refresh_Token', 'OFFLINE', 'id', 'ID_token', 'logout'].flatMap((kind) =>
      ['token_type', 'token_use', 'typ'].map((claim): [string, object, object, string] => [
        `${claim} ${kind}`,
        { [claim]: kind },
        {},
        'not_an_access_token',
      ]),
    ),
    ['a kind that nobody denies', { token_type: 'Bearer', token_use: 'access', typ: 'at+jwt' }, {}, undefined],
    ['a kind of another type', { typ: 5 }, {}, undefined],
    ['DPoP', { token_type: 'dpop' }, {}, 'sender_constraint'],
    ['a key binding', { cnf: { jkt: 'x' } }, {}, 'sender_constraint'],
    ['a binding of any other kind', { cnf: { unheard_of: null } }, {}, 'sender_constraint'],
    ['an empty cnf', { cnf: {} }, {}, undefined],
  ];

  it.each(cases)('%s', (_, claims, expected, reason) => {
    expect(judge(claims, expected)).toBe(reason);
  });

  it('gives the first reason in its order', () => {
    const faults: [object, string][] = [
      [{ exp: now }, 'expired'],
      [{ nbf: now + 99 }, 'not_yet_valid'],
      [{ iss: 'https://b' }, 'issuer_mismatch'],
      [{ aud: 'b' }, 'audience_mismatch'],
      [{ typ: 'Refresh' }, 'not_an_access_token'],
      [{ cnf: { jkt: 'x' } }, 'sender_constraint'],
    ];
    faults.forEach(([, reason], first) => {
      const claims = Object.assign({ iss: 'https://a', aud: 'a' }, ...faults.slice(first).map(([claims]) => claims));
      expect(judge(claims, { issuer: 'https://a', audience: ['a'] })).toBe(reason);
    });
  });
});
