import { expect, test } from 'vitest';
import { atLeast, atMost, markdownOf, times } from '../src/report.js';

test('a report is a table of rivals, one of goals, and the notes', () => {
  const report = {
    question: 'A question',
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
## A question

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

test('a goal is judged by what was measured, not by what is shown', () => {
  expect(atLeast(1, 0.999, 'ours')).toEqual({ goal: 'ours ≥ 1 ×', measured: '1.00 ×', isReached: false });
  expect(atLeast(1, 1, 'ours', 1.25).measured).toBe('1.00 × (by CPU 1.25 ×)');
  expect(atMost(1.3, 1.3, 'ours')).toEqual({ goal: 'ours ≤ 1.30 ×', measured: '1.30 ×', isReached: true });
});

test('a ratio shows as many decimals as tell something', () => {
  expect([0.123, 12.34, 123.4].map(times)).toEqual(['0.12 ×', '12.3 ×', '123 ×']);
});
