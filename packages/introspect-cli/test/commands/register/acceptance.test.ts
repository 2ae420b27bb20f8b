import { InvalidClientError, UnavailableError } from '@acme/introspect-core';
import { describe, expect, it } from 'vitest';
import { waitUntilAccepted } from '../../../src/commands/register/acceptance.js';

/** A server that gives these outcomes, the last one for ever, on a clock that only pauses move. */
function server(...outcomes: ('accepts' | 'refuses' | 'is down')[]) {
  let [asked, now] = [0, 0];
  const ask = async () => {
    const outcome = outcomes[Math.min(asked++, outcomes.length - 1)];
    if (outcome === 'refuses') throw new InvalidClientError('refused');
    if (outcome === 'is down') throw new UnavailableError('down');
  };
  const clock = {
    now: () => now,
    pause: async (ms: number) => {
      now += ms;
    },
  };
  return { ask, clock, asked: () => asked, now: () => now };
}

describe('waiting until credentials are accepted', () => {
  it('wants them accepted three times in a row, since one instance may know them before another', async () => {
    const { ask, clock, asked } = server('refuses', 'accepts', 'accepts', 'refuses', 'accepts', 'accepts', 'accepts');
    await waitUntilAccepted(ask, { times: 3, clock });
    expect(asked()).toBe(7);
  });

  it('outlasts a server that is down for a moment', async () => {
    const { ask, clock, asked } = server('is down', 'is down', 'accepts');
    await waitUntilAccepted(ask, { times: 1, clock });
    expect(asked()).toBe(3);
  });

  it('gives up after 30 seconds, with pauses that grow', async () => {
    const { ask, clock, asked, now } = server('refuses');
    await expect(waitUntilAccepted(ask, { times: 3, clock })).rejects.toMatchObject({ code: 'not_accepted' });
    expect(now()).toBeGreaterThan(20_000);
    expect(now()).toBeLessThan(30_000);
    expect(asked()).toBeLessThan(25);
  });

  it('does not go on over an error that is no answer', async () => {
    const { clock } = server();
    const ask = () => Promise.reject(new TypeError('a bug'));
    await expect(waitUntilAccepted(ask, { times: 1, clock })).rejects.toThrow('a bug');
  });
});
