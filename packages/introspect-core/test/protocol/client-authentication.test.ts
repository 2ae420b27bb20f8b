import { describe, expect, it } from 'vitest';
import { clientIdProblem, secretProblem } from '../../src/protocol/client-authentication.js';

describe('the problem of a client id or secret', () => {
  const surrogate = 'has a lone surrogate, which is not valid text: copy it again';
  const noId = 'must be a string that is not empty: copy it from the authorization server';
  it.each([
    ['c', undefined, undefined],
    ['', noId, undefined],
    [5, noId, 'must be a string, or a function that returns one'],
    [undefined, noId, 'must be a string, or a function that returns one'],
    ['\ud800', surrogate, surrogate],
  ])('of %j is %j and %j', (value, ofId, ofSecret) => {
    expect([clientIdProblem(value), secretProblem(value)]).toEqual([ofId, ofSecret]);
  });
});
