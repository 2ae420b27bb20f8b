import * as v from 'valibot';

/** The options that all kinds of assertion have. */
export interface AssertionOptions {
  /**
   * How many seconds one assertion is used for all requests. With 0, each request gets its own. At most 3000. Set it
   * only if the server accepts an assertion more than once.
   *
   * @default 180 with the `keyJson` of `privateKeyJwt`, else 0
   */
  reuseSeconds?: number;
  /**
   * Returns the time in milliseconds since the epoch.
   *
   * @default Date.now
   */
  now?: () => number;
  /**
   * Returns milliseconds from a clock that never goes back.
   *
   * @default performance.now
   */
  monotonicNow?: () => number;
}

const maxReuseSeconds = 3000;

const secondsMessage = `must be a number of seconds, at least 0 and at most ${maxReuseSeconds}`;
const isFunction = (value: unknown) => typeof value === 'function';

const credentialMessage = 'must be a string that is not empty, and not "undefined": is an environment variable unset?';

/** The schema of a required string: a missing one is treated as empty. */
export const text = v.optional(
  v.pipe(v.string(credentialMessage), v.nonEmpty(credentialMessage), v.notValue('undefined', credentialMessage)),
  '',
);

/** Returns the schemas of {@link AssertionOptions}, with the default of `reuseSeconds`. */
export const assertionEntries = (reuseSeconds: number) => ({
  reuseSeconds: v.optional(
    v.pipe(v.number(secondsMessage), v.minValue(0, secondsMessage), v.maxValue(maxReuseSeconds, secondsMessage)),
    reuseSeconds,
  ),
  now: v.optional(v.custom<() => number>(isFunction, 'must be a function'), () => Date.now),
  monotonicNow: v.optional(v.custom<() => number>(isFunction, 'must be a function'), () => () => performance.now()),
});
