import { describe, expect, it, vi } from 'vitest';
import {
  AccessDeniedError,
  InvalidClientError,
  InvalidResponseError,
  InvalidTokenError,
  MissingTokenError,
  UnavailableError,
} from '../../src/errors/errors.js';
import { FailureLog, type LogEntry, type LogTarget } from '../../src/events/failure-log.js';
import { Clocks } from '../support/clocks.js';

const toConsole: LogTarget = { log: undefined, native: undefined };

function logOf(log?: false | ((entry: LogEntry) => void)) {
  const clocks = new Clocks();
  const entries: LogEntry[] = [];
  const given = log === undefined ? (entry: LogEntry) => void entries.push(entry) : log;
  const failures = new FailureLog({ log: given, origin: 'https://as.example', monotonicNow: clocks.monotonicNow });
  return { failures, entries, clocks };
}

describe('FailureLog', () => {
  it.each([
    ['error', 'invalid_client', new InvalidClientError('the cause')],
    ['error', 'invalid_response', new InvalidResponseError('the cause')],
    ['warn', 'unavailable', new UnavailableError('the cause')],
  ])('a FailureLog writes at level %s: %s, with the cause and what to do', (level, code, error) => {
    const { failures, entries } = logOf();
    failures.failed(error, 'denied', toConsole);
    const message =
      `Token introspection failed (${code}), so a request was denied with 503. the cause. ` +
      'To find the cause, run "npx @acme/introspect-cli doctor"';
    expect(entries).toEqual([{ level, code, message, suppressed: 0 }]);
  });

  it('a FailureLog writes unsupported_token_type at level error, with the origin of the server', () => {
    const { failures, entries } = logOf();
    failures.failed(new InvalidTokenError('unsupported_token_type'), 'denied', toConsole);
    expect(entries).toMatchObject([{ level: 'error', code: 'unsupported_token_type', suppressed: 0 }]);
    expect(entries[0]?.message).toContain('denied with 401. https://as.example does not introspect the kind of token');
  });

  it('a FailureLog ignores the errors of usual 401 and 403 responses, and errors of the app', () => {
    const { failures, entries } = logOf();
    const errors = [
      new MissingTokenError(),
      new InvalidTokenError('inactive'),
      new AccessDeniedError(),
      new Error('x'),
    ];
    for (const error of [...errors, undefined, 'text']) failures.failed(error, 'denied', toConsole);
    expect(entries).toEqual([]);
  });

  it('a FailureLog writes one line a minute for each code, and the next line has the number of failures between', () => {
    const { failures, entries, clocks } = logOf();
    const fail = () => failures.failed(new UnavailableError('gone'), 'denied', toConsole);
    for (let i = 0; i < 5; i++) fail();
    failures.failed(new InvalidClientError('wrong'), 'denied', toConsole);
    clocks.pass(59.999);
    fail();
    expect(entries).toMatchObject([
      { code: 'unavailable', suppressed: 0 },
      { code: 'invalid_client', suppressed: 0 },
    ]);
    clocks.pass(0.001);
    fail();
    fail();
    expect(entries.slice(2)).toMatchObject([{ code: 'unavailable', suppressed: 5 }]);
    expect(entries[2]?.message).toContain('denied with 503 (5 more since the last line). gone.');
    clocks.pass(3600);
    fail();
    clocks.pass(60);
    fail();
    expect(entries.slice(3)).toMatchObject([{ suppressed: 1 }, { suppressed: 0 }]);
  });

  it('a FailureLog says that a stale response was used', () => {
    const { failures, entries } = logOf();
    failures.failed(new UnavailableError('gone'), 'stale', toConsole);
    expect(entries).toMatchObject([{ level: 'warn', code: 'unavailable' }]);
    expect(entries[0]?.message).toContain('(unavailable), so a stale response was used. gone.');
  });

  it('a FailureLog hints at the order of CORS and guard once, at level warn', () => {
    const { failures, entries, clocks } = logOf();
    failures.deniedPreflight(toConsole);
    clocks.pass(3600);
    failures.deniedPreflight(toConsole);
    expect(entries).toEqual([
      {
        level: 'warn',
        code: 'preflight_denied',
        message:
          'A CORS preflight reached a guard and was denied with 401, so browsers cannot call this route. ' +
          'Register CORS before the guard: a preflight has no token',
        suppressed: 0,
      },
    ]);
  });

  it('a FailureLog with log: false writes nothing, not even to the log of the framework', () => {
    const { failures } = logOf(false);
    const log = vi.fn();
    failures.failed(new UnavailableError('gone'), 'denied', { log, native: {} });
    failures.deniedPreflight({ log, native: {} });
    expect(log).not.toHaveBeenCalled();
  });

  it.each<[string, () => void]>([
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('disk full'))],
  ])('a FailureLog ignores that the log function %s', async (_, log) => {
    const { failures } = logOf(log);
    expect(() => failures.failed(new UnavailableError('gone'), 'denied', toConsole)).not.toThrow();
    await new Promise(setImmediate); // an unhandled rejection would fail the run
  });
});
