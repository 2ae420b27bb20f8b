import { expect, test } from 'vitest';
import { atLeast, atMost, markdownOf, times } from '../src/report.js';

test('markdownOf writes a table of libraries, a table of goals, and the notes', () => {
  const report = {
    title: 'A title',
    columns: ['', 'of bare'],
    rows: [
      ['bare', '1.00 ×'],
      ['ours', '0.90 ×'],
    ],
    goals: [atLeast(0.95, 0.9, 'ours')],
    notes: ['A note.'],
  };
  expect(markdownOf(report)).toBe(
    `
## A title

|      | of bare |
| ---- | ------: |
| bare |  1.00 × |
| ours |  0.90 × |

| goal          | measured | reached |
| ------------- | -------: | ------: |
| ours ≥ 0.95 × |   0.90 × |  **no** |

A note.`.trimStart(),
  );
});

test('a goal compares the measured value, not the rounded one', () => {
  expect(atLeast(1, 0.999, 'ours')).toEqual({ goal: 'ours ≥ 1 ×', measured: '1.00 ×', isReached: false });
  expect(atLeast(1, 1, 'ours', 1.25).measured).toBe('1.00 × (by CPU 1.25 ×)');
  expect(atMost(1.3, 1.3, 'ours')).toEqual({ goal: 'ours ≤ 1.30 ×', measured: '1.30 ×', isReached: true });
});

test('times writes fewer decimals for larger ratios', () => {
  expect([0.123, 12.34, 123.4].map(times)).toEqual(['0.12 ×', '12.3 ×', '123 ×']);
});
