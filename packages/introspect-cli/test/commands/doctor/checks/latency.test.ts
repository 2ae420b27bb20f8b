import { describe, expect, it } from 'vitest';
import { latencyFindings, summary } from '../../../../src/commands/doctor/checks/latency.js';

const codes = (median: number, worst: number) => latencyFindings({ median, worst }, 5000).map(({ code }) => code);

describe('latency', () => {
  it('is told by its median and its worst', () => {
    expect(summary([1, 100, 3, 2])).toEqual({ median: 3, worst: 100 });
    expect(summary([9, 7.4, 1])).toEqual({ median: 7, worst: 9 });
  });

  it('is warned of when half of the questions take longer than half a second', () => {
    expect(codes(500, 600)).toEqual([]);
    expect(codes(501, 600)).toEqual(['latency_slow']);
  });

  it('is warned of when one question takes longer than half of the limit', () => {
    expect(codes(1, 2500)).toEqual([]);
    expect(codes(1, 2501)).toEqual(['latency_near_timeout']);
  });
});
