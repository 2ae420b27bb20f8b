import { describe, expect, it } from 'vitest';
import { checkClock, secondsAhead } from '../../../../src/commands/doctor/checks/clock.js';

const noon = Date.UTC(2026, 0, 1, 12);
const date = new Date(noon).toUTCString();
const response = {
  url: 'https://a/',
  status: 200,
  mediaType: '',
  json: undefined,
  retryAfter: null,
  leadsTo: undefined,
  date,
  age: null,
  sentAt: noon,
  tookMs: 0,
};

describe('the clock check of introspect doctor', () => {
  it('compares the middle of the request with the middle of the second in Date', () => {
    expect(secondsAhead({ ...response, sentAt: noon + 10_000, tookMs: 3000 })).toBe(11);
    expect(secondsAhead({ ...response, sentAt: noon - 2000, tookMs: 1000 })).toBe(-2);
  });

  it.each([
    ['1.9 s ahead', 1900, 'client_secret_basic', 'ok'],
    ['2 s ahead', 2000, 'client_secret_basic', 'warning'],
    ['2 s behind', -2000, 'client_secret_basic', 'warning'],
    ['30 s ahead', 30_000, 'client_secret_basic', 'warning'],
    ['31 s ahead', 31_000, 'client_secret_basic', 'error'],
    ['31 s behind', -31_000, 'client_secret_basic', 'error'],
    ['6 s ahead', 6000, 'private_key_jwt', 'warning'],
    ['7 s ahead', 7000, 'private_key_jwt', 'error'],
    ['7 s behind', -7000, 'private_key_jwt', 'warning'],
  ] as const)('a clock that is %s, with %3$s, has the status %4$s', (_, aheadMs, method, status) => {
    expect(checkClock({ ...response, sentAt: noon + 500 + aheadMs }, method).status).toBe(status);
  });
});
