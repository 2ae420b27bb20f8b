import { describe, expect, it } from 'vitest';
import {
  checkedTarget,
  Invalidations,
  type InvalidationTarget,
  type SequencedResponse,
  tombstoneNames,
} from '../../src/cache/invalidations.js';
import type { IntrospectionResponse } from '../../src/index.js';
import { Clocks } from '../support/caching.js';

describe('a target', () => {
  it.each<[InvalidationTarget, [string, string]]>([
    [{ token: 't' }, ['token', 't']],
    [{ sub: 'mickey' }, ['sub', 'mickey']],
    [{ jti: '1' }, ['jti', '1']],
    [{ client_id: 'app' }, ['client_id', 'app']],
    [{ all: true }, ['all', '']],
  ])('%j names one thing', (target, named) => {
    expect(checkedTarget(target)).toEqual(named);
  });

  it.each<[unknown]>([
    [undefined],
    [null],
    [{}],
    [[]],
    ['t'],
    [{ sub: undefined }],
    [{ sub: null }],
    [{ sub: '' }],
    [{ sub: 5 }],
    [{ sub: 'mickey', jti: '1' }],
    [{ sub: 'mickey', jti: undefined }],
    [{ all: false }],
    [{ all: 'true' }],
    [{ all: '' }],
    [{ all: true, sub: 'mickey' }],
    [{ username: 'mickey' }],
    [{ constructor: 'mickey' }],
  ])('may not be %j', (target) => {
    expect(() => checkedTarget(target as InvalidationTarget)).toThrow(TypeError);
    expect(() => checkedTarget(target as InvalidationTarget)).toThrow('invalidate: give one of { token }');
  });
});

describe('the names of an answer', () => {
  it('are its key, all, and the members that it has', () => {
    const answer: IntrospectionResponse = { active: true, sub: 's', jti: 'j', client_id: 'c' };
    expect(tombstoneNames('k', answer)).toEqual(['all:', 'token:k', 'sub:s', 'jti:j', 'client_id:c']);
    expect(tombstoneNames('k', { active: true })).toEqual(['all:', 'token:k']);
    expect(tombstoneNames('k', { active: false })).toEqual(['all:', 'token:k']);
  });
});

describe('marks', () => {
  const lifetimeMs = 60_000;
  const answer = { active: true, sub: 's', jti: 'j', client_id: 'c' } as const;
  function marked() {
    const clocks = new Clocks();
    const marks = new Invalidations(clocks, lifetimeMs);
    const asked = (given: IntrospectionResponse = answer): SequencedResponse => ({
      response: given,
      requestedAt: clocks.monotonicMs,
      drift: 0,
      sequence: marks.sequence,
    });
    return { clocks, marks, asked };
  }

  it.each(['all:', 'token:k', 'sub:s', 'jti:j', 'client_id:c'] as const)(
    '%s forgets what was asked before it and not what was asked after, also within one tick of the clock',
    (name) => {
      const { marks, asked } = marked();
      const before = asked();
      expect(marks.invalidates('k', before)).toBe(false);
      marks.add(name);
      expect(marks.invalidates('k', before)).toBe(true);
      expect(marks.invalidates('k', before)).toBe(true);
      expect(marks.invalidates('k', asked())).toBe(false);
    },
  );

  it.each(['token:other', 'sub:j', 'jti:s', 'client_id:s'] as const)('%s does not concern another answer', (name) => {
    const { marks, asked } = marked();
    const before = asked();
    marks.add(name);
    expect(marks.invalidates('k', before)).toBe(false);
    expect(marks.invalidatesShared('k', answer, 0)).toBe(false);
  });

  it('forget an answer that has seen others pass before', () => {
    const { marks, asked } = marked();
    const before = asked();
    marks.add('sub:other');
    expect(marks.invalidates('k', before)).toBe(false);
    marks.add('sub:s');
    expect(marks.invalidates('k', before)).toBe(true);
  });

  it('of the same name renew each other', () => {
    const { clocks, marks, asked } = marked();
    marks.add('sub:s');
    clocks.pass(59);
    const between = asked();
    marks.add('sub:s');
    clocks.pass(59);
    marks.add('sub:other');
    expect(marks.invalidates('k', between)).toBe(true);
    expect(marks.invalidates('k', asked())).toBe(false);
  });

  it('end in their order, though one of them was renewed', () => {
    const { clocks, marks } = marked();
    marks.add('sub:s');
    clocks.pass(1);
    marks.add('jti:j');
    clocks.pass(58);
    marks.add('sub:s');
    clocks.pass(2);
    marks.add('sub:other');
    expect(marks.invalidatesShared('k', { active: true, jti: 'j' }, 0)).toBe(false);
    expect(marks.invalidatesShared('k', { active: true, sub: 's' }, 0)).toBe(true);
  });

  it('forget nothing at all where none was left since, however old the answer', () => {
    const { clocks, marks, asked } = marked();
    const before = asked();
    clocks.pass(3600);
    expect(marks.invalidates('k', before)).toBe(false);
  });

  it('forget an answer older than they live, since its mark may have ended', () => {
    const { clocks, marks, asked } = marked();
    const before = asked();
    marks.add('sub:s');
    clocks.pass(60.001);
    marks.add('sub:other'); // sweeps
    expect(marks.invalidatesShared('k', answer, 0)).toBe(false);
    expect(marks.invalidates('k', before)).toBe(true);
  });

  it('end with their lifetime, and not before', () => {
    const { clocks, marks } = marked();
    marks.add('sub:s');
    clocks.pass(59.999);
    marks.add('sub:other');
    expect(marks.invalidatesShared('k', answer, 0)).toBe(true);
    clocks.pass(0.001);
    marks.add('sub:third');
    expect(marks.invalidatesShared('k', answer, 0)).toBe(false);
  });

  it('10 000 are told apart; one more makes all of them one that forgets all', () => {
    const { marks, asked } = marked();
    const [before, inactive] = [asked(), asked({ active: false })];
    for (let i = 0; i < 10_000; i++) marks.add(`sub:${i}`);
    expect(marks.invalidates('k', before)).toBe(false);
    expect(marks.invalidates('k', asked({ active: true, sub: '9999' }))).toBe(false);
    marks.add('sub:one more');
    expect(marks.invalidates('k', before)).toBe(true);
    expect(marks.invalidates('k', inactive)).toBe(true);
    expect(marks.invalidates('k', asked())).toBe(false);
  });

  it('go by the stamp of what another process asked: clocks may be 5 s apart, and in doubt it is forgotten', () => {
    const { clocks, marks } = marked();
    marks.add('jti:j');
    expect(marks.invalidatesShared('k', answer, clocks.wallMs - 1)).toBe(true);
    expect(marks.invalidatesShared('k', answer, clocks.wallMs + 5000)).toBe(true);
    expect(marks.invalidatesShared('k', answer, clocks.wallMs + 5001)).toBe(false);
  });
});
