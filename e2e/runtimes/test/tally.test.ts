import { expect, test } from 'vitest';
import { Tally } from '../src/tally.js';

const caseMs = 5;
const hangs = () => new Promise(() => {});

test('a case that hangs fails, and the third one ends the run', async () => {
  const tally = new Tally(caseMs);
  await tally.count('first', hangs);
  await tally.count('passes', async () => {});
  await tally.count('second', hangs);
  await expect(tally.count('third', hangs)).rejects.toThrow('3 cases did not end in time');
  expect(tally.passes).toBe(1);
  expect(tally.failures).toEqual(['first', 'second', 'third'].map((name) => `${name}: not within ${caseMs} ms`));
});

test('cases that fail in time do not end the run, however many there are', async () => {
  const tally = new Tally(10_000);
  for (let index = 0; index < 5; index++) {
    await tally.count('fails', () => Promise.reject(new Error('no')));
  }
  expect(tally.failures).toEqual(Array(5).fill('fails: no'));
});

test('the signal of a case says that its time is over', async () => {
  const tally = new Tally(caseMs);
  let reason: unknown;
  await tally.count('listens', (signal) => {
    signal.addEventListener('abort', () => {
      reason = signal.reason;
    });
    return hangs();
  });
  expect(reason).toHaveProperty('name', 'TimeoutError');
});
