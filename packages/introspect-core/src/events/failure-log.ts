import { type AuthorizerError, isAuthorizationError, isIntrospectionError } from '../errors/errors.js';

/** One line for the operators of an API. */
export interface LogEntry {
  /** `warn` if waiting may help, or if no request failed because of it; otherwise `error`. */
  readonly level: 'error' | 'warn';
  /**
   * `invalid_client`, `invalid_response` and `unsupported_token_type` have the level `error`; `unavailable`,
   * `preflight_denied` and `unsealed_store` have the level `warn`.
   */
  readonly code: string;
  /** What happened, and what to do. It is one line, and holds no token, no secret and no text from the server. */
  readonly message: string;
  /** How many failures with this code were not logged since the last line with it. */
  readonly suppressed: number;
}

/** Receives each log line. What it throws is ignored. */
export type Log = (entry: LogEntry) => void;

/** Writes a line where a framework logs. `native` is the framework's own request. */
export type FrameworkLog = (entry: LogEntry, native: unknown) => void;

/** Where the lines about one request go. Both members are required, so that neither comes from `Object.prototype`. */
export interface LogTarget {
  /** Without it, lines go to `console`. */
  readonly log: FrameworkLog | undefined;
  readonly native: unknown;
}

const unsupported = 'unsupported_token_type';
const intervalMs = 60_000;
const toConsole: FrameworkLog = ({ level, message }) =>
  level === 'error' ? console.error(message) : console.warn(message);

/**
 * Logs the failures of one authorizer: at most one line a minute for each code. A line also has the number of failures
 * that were not logged since the line before. It needs no timer.
 */
export class FailureLog {
  readonly #log: false | Log | undefined;
  readonly #unsupported: string;
  readonly #monotonicNow: () => number;
  readonly #last = new Map<string, { at: number; suppressed: number }>();
  #hasHinted = false;

  constructor({
    log,
    origin,
    monotonicNow,
  }: {
    log?: false | Log | undefined;
    origin: string;
    monotonicNow: () => number;
  }) {
    this.#log = log;
    this.#unsupported =
      `${origin} does not introspect the kind of token that this API receives, such as a JWT: configure the server ` +
      'to issue opaque access tokens for this API, or verify JWTs locally';
    this.#monotonicNow = monotonicNow;
  }

  /**
   * Logs a failed introspection. `effect` says whether the request was denied or got a stale response. Ignores every
   * other error, such as that of a usual 401 or 403.
   */
  failed(error: unknown, effect: 'denied' | 'stale', target: LogTarget): void {
    const code = failureCode(error);
    if (code === undefined || this.#log === false) return;
    const at = this.#monotonicNow();
    const last = this.#last.get(code);
    if (last !== undefined && at - last.at < intervalMs) {
      last.suppressed++;
      return;
    }
    this.#last.set(code, { at, suppressed: 0 });
    const suppressed = last?.suppressed ?? 0;
    const { status, message: text } = error as AuthorizerError;
    const result = effect === 'denied' ? `a request was denied with ${status}` : 'a stale response was used';
    const repeats = suppressed > 0 ? ` (${suppressed} more since the last line)` : '';
    const cause = code === unsupported ? this.#unsupported : text;
    const message =
      `Token introspection failed (${code}), so ${result}${repeats}. ${cause}${cause.endsWith('?') ? '' : '.'} ` +
      'To find the cause, run "npx @acme/introspect-cli doctor"';
    this.#write({ level: code === 'unavailable' ? 'warn' : 'error', code, message, suppressed }, target);
  }

  /** Logs a hint, once: a guard has denied a CORS preflight. */
  deniedPreflight(target: LogTarget): void {
    if (this.#hasHinted || this.#log === false) return;
    this.#hasHinted = true;
    const message =
      'A CORS preflight reached a guard and was denied with 401, so browsers cannot call this route. ' +
      'Register CORS before the guard: a preflight has no token';
    this.#write({ level: 'warn', code: 'preflight_denied', message, suppressed: 0 }, target);
  }

  /** Logs that the shared cache has no secret. */
  unsealedStore(): void {
    if (this.#log === false) return;
    const message =
      'The cache has a "store" but no "cache.storeSecret": anyone who can read the store sees the claims of all tokens, and ' +
      'anyone who can write to it can make a token active. Set "cache.storeSecret" to a secret of at least 32 characters';
    this.#write(
      { level: 'warn', code: 'unsealed_store', message, suppressed: 0 },
      { log: undefined, native: undefined },
    );
  }

  /** An error of the log is ignored: no request may fail because a line cannot be written. */
  #write(entry: LogEntry, { log = toConsole, native }: LogTarget): void {
    try {
      const result: unknown = this.#log ? this.#log(entry) : log(entry, native);
      if (typeof result === 'object') Promise.resolve(result).catch(() => {});
    } catch {}
  }
}

/** Returns the code of a failure that operators should know of, or `undefined` for every other error. */
function failureCode(error: unknown): string | undefined {
  if (isIntrospectionError(error)) return error.code;
  const isUnsupported = isAuthorizationError(error) && error.code === 'invalid_token' && error.reason === unsupported;
  return isUnsupported ? unsupported : undefined;
}
