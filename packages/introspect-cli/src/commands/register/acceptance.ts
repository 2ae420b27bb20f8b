import { InvalidClientError, isIntrospectionError } from '@acme/introspect-core';
import type { Clock } from '../../clock.js';
import { exitCodes, Failure } from '../../failure.js';

const limitMs = 30_000;
const acceptedPauseMs = 100;
const firstPauseMs = 200;
const longestPauseMs = 3000;

/**
 * Waits until the server accepts new credentials `times` in a row: one instance may know them before another does.
 *
 * @param attempt rejects with InvalidClientError, or a Failure of the code `invalid_client`, while they are not accepted
 * @throws Failure after 30 s
 */
export async function waitUntilAccepted(
  attempt: () => Promise<unknown>,
  { times, clock }: { times: number; clock: Clock },
): Promise<void> {
  const end = clock.now() + limitMs;
  let [accepted, pauseMs] = [0, firstPauseMs];
  for (;;) {
    try {
      await attempt();
      accepted += 1;
      if (accepted >= times) return;
    } catch (error) {
      const isTransient =
        error instanceof InvalidClientError || isIntrospectionError(error) || error instanceof Failure;
      if (!isTransient) throw error;
      if (clock.now() + pauseMs >= end) throw notAccepted(error);
      accepted = 0;
      pauseMs = Math.min(pauseMs * 1.5, longestPauseMs);
    }
    await clock.pause(accepted > 0 ? acceptedPauseMs : pauseMs);
  }
}

function notAccepted({ message }: Error): Failure {
  return new Failure(
    exitCodes.failed,
    'not_accepted',
    `The server does not accept the credentials after ${limitMs / 1000} s: ${message}`,
  );
}
