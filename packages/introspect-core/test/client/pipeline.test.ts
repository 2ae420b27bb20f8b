import { describe, expect, it } from 'vitest';
import { compose, type Stage } from '../../src/client/pipeline.js';
import { introspectionCall, scriptedNext } from '../support/introspection-call.js';

describe('compose', () => {
  it('runs the stages in their order, the first outermost, around the last function', async () => {
    const log: string[] = [];
    const stage =
      (name: string): Stage =>
      async (call, next) => {
        log.push(`${name} before`);
        const response = await next(call);
        log.push(`${name} after`);
        return response;
      };
    const introspect = compose([stage('a'), stage('b')], async () => {
      log.push('last');
      return { active: true };
    });
    await expect(introspect(introspectionCall())).resolves.toEqual({ active: true });
    expect(log).toEqual(['a before', 'b before', 'last', 'b after', 'a after']);
  });

  it('without stages calls the last function with the call itself', async () => {
    const { next, calls } = scriptedNext();
    const call = introspectionCall();
    await compose([], next)(call);
    expect(calls[0]).toBe(call);
  });

  it('lets a stage call the rest several times, with changed calls, or not at all', async () => {
    const twice: Stage = async (call, next) => {
      await next(call);
      return next({ ...call, attempt: 2 });
    };
    const { next, calls } = scriptedNext({ active: false }, { active: true });
    await expect(compose([twice], next)(introspectionCall())).resolves.toEqual({ active: true });
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2]);
    const never: Stage = () => Promise.reject(new Error('rejected'));
    await expect(compose([never], next)(introspectionCall())).rejects.toThrow('rejected');
    expect(calls).toHaveLength(2);
  });

  it('calls the stages synchronously: nothing can happen between two of them that do not wait', () => {
    const { next, calls } = scriptedNext();
    const pass: Stage = (call, rest) => rest(call);
    void compose([pass, async (call, rest) => rest(call), pass], next)(introspectionCall());
    expect(calls).toHaveLength(1);
  });
});
