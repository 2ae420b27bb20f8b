import { describe, expect, it } from 'vitest';
import { latencyFindings, summary } from '../../../../src/commands/doctor/checks/latency.js';

const codes = (median: number, worst: number) => latencyFindings({ median, worst }, 5000).map(({ code }) => code);

describe('the latency check of introspect doctor', () => {
  it('computes the median and the longest time', () => {
    expect(summary([1, 100, 3, 2])).toEqual({ median: 3, worst: 100 });
    expect(summary([9, 7.4, 1])).toEqual({ median: 7, worst: 9 });
  });

  it('reports a warning if half of the requests take longer than 500 ms', () => {
    expect(codes(500, 600)).toEqual([]);
    expect(codes(501, 600)).toEqual(['latency_slow']);
  });

  it('reports a warning if one request takes longer than half of the time limit', () => {
    expect(codes(1, 2500)).toEqual([]);
    expect(codes(1, 2501)).toEqual(['latency_near_timeout']);
  });
});
