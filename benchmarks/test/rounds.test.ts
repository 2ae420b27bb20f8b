import { expect, test } from 'vitest';
import { inOrder, inRounds, median, ratios, statistics } from '../src/rounds.js';

test('inOrder begins each round with another item, and never repeats the order of the round before', () => {
  const orders = [0, 1, 2, 3].map((round) => inOrder(['a', 'b', 'c', 'd'], round));
  expect(orders).toEqual([
    ['a', 'b', 'c', 'd'],
    ['b', 'a', 'd', 'c'],
    ['c', 'd', 'a', 'b'],
    ['d', 'c', 'b', 'a'],
  ]);
});

test('inRounds measures each library once in a round, and drops the rounds that warm up', async () => {
  let runs = 0;
  const samples = await inRounds({ a: () => runs++, b: async () => runs++ }, { rounds: 2, warmUps: 1 });
  expect(samples).toEqual({ a: [3, 4], b: [2, 5] });
});

test('median returns the middle value, or the mean of the two in the middle', () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow(TypeError);
});

test('ratios compares within each round, so that a slow round changes nothing', () => {
  expect(ratios([2, 40, 3], [1, 20, 1])).toEqual([2, 2, 3]);
  expect(() => ratios([1], [])).toThrow(TypeError);
});

test('statistics returns the median, the minimum, and the distance between the quartiles', () => {
  expect(statistics([5, 1, 2, 4, 3])).toEqual({ median: 3, minimum: 1, spread: 2 });
  expect(statistics([7])).toEqual({ median: 7, minimum: 7, spread: 0 });
});
