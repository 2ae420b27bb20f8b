import { InvalidClientError, UnavailableError } from '@acme/introspect-core';
import { describe, expect, it } from 'vitest';
import { waitUntilAccepted } from '../../../src/commands/register/acceptance.js';

/** A server with these outcomes, of which the last one repeats. Its clock moves only by pauses. */
function server(...outcomes: ('accepts' | 'rejects' | 'is down')[]) {
  let [attempts, now] = [0, 0];
  const attempt = async () => {
    const outcome = outcomes[Math.min(attempts++, outcomes.length - 1)];
    if (outcome === 'rejects') throw new InvalidClientError('rejected');
    if (outcome === 'is down') throw new UnavailableError('down');
  };
  const clock = {
    now: () => now,
    pause: async (ms: number) => {
      now += ms;
    },
  };
  return { attempt, clock, attempts: () => attempts, now: () => now };
}

describe('waitUntilAccepted', () => {
  it('waits until credentials are accepted three times in a row: one instance may know them before another', async () => {
    const { attempt, clock, attempts } = server(
      'rejects',
      'accepts',
      'accepts',
      'rejects',
      'accepts',
      'accepts',
      'accepts',
    );
    await waitUntilAccepted(attempt, { times: 3, clock });
    expect(attempts()).toBe(7);
  });

  it('continues while the server is down for a moment', async () => {
    const { attempt, clock, attempts } = server('is down', 'is down', 'accepts');
    await waitUntilAccepted(attempt, { times: 1, clock });
    expect(attempts()).toBe(3);
  });

  it('rejects after 30 seconds, with growing pauses', async () => {
    const { attempt, clock, attempts, now } = server('rejects');
    await expect(waitUntilAccepted(attempt, { times: 3, clock })).rejects.toMatchObject({ code: 'not_accepted' });
    expect(now()).toBeGreaterThan(20_000);
    expect(now()).toBeLessThan(30_000);
    expect(attempts()).toBeLessThan(25);
  });

  it('rejects with an error that does not come from the server', async () => {
    const { clock } = server();
    const attempt = () => Promise.reject(new TypeError('a bug'));
    await expect(waitUntilAccepted(attempt, { times: 1, clock })).rejects.toThrow('a bug');
  });
});
