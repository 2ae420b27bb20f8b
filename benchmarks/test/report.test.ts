import { expect, test } from 'vitest';
import { atLeast, atMost, cells, markdownOf, times } from '../src/report.js';

test('markdownOf writes a table of libraries, a table of goals, and the notes', () => {
  const report = {
    title: 'A title',
    columns: ['', 'of bare'],
    rows: [
      ['bare', '1.00 ×'],
      ['ours', '0.90 ×'],
    ],
    goals: [atLeast(0.95, [0.9], 'ours'), atLeast(0.95, [0.9, 0.94, 0.98], 'theirs')],
    notes: ['A note.'],
  };
  expect(markdownOf(report)).toBe(
    `
## A title

|      | of bare |
| ---- | ------: |
| bare |  1.00 × |
| ours |  0.90 × |

| goal            |            measured | reached |
| --------------- | ------------------: | ------: |
| ours ≥ 0.95 ×   |              0.90 × |  **no** |
| theirs ≥ 0.95 × | 0.94 ×, spread 0.04 | unclear |

A note.`.trimStart(),
  );
});

test('a goal compares the measured value, not the rounded one', () => {
  expect(atLeast(1, [0.999], 'ours')).toEqual({ goal: 'ours ≥ 1 ×', measured: '1.00 ×', isReached: false });
  expect(atMost(1.3, [1.3], 'ours')).toEqual({ goal: 'ours ≤ 1.30 ×', measured: '1.30 ×', isReached: true });
});

test('a goal has no verdict if the spread is larger than the distance to it', () => {
  expect(atLeast(1, [1.1, 1.2, 1.3], 'ours').isReached).toBe(true);
  expect(atLeast(1, [0.9, 1.05, 1.3], 'ours').isReached).toBeUndefined();
  expect(atMost(1, [1.1, 1.2, 1.3], 'ours').isReached).toBe(false);
  expect(atMost(1, [0.9, 0.99, 1.3], 'ours').isReached).toBeUndefined();
});

test('cells returns the median, the minimum and the spread', () => {
  expect(cells([1, 2, 3, 4, 5])).toEqual(['3.00 ×', '1.00 ×', '2.00']);
});

test('times writes fewer decimals for larger ratios', () => {
  expect([0.123, 12.34, 123.4].map(times)).toEqual(['0.12 ×', '12.3 ×', '123 ×']);
});
