import { expect, it } from 'vitest';
import { compose, type Stage } from '../../src/lookup/lookup-pipeline.js';
import { lookupParts, nextLookup } from '../support/lookups.js';

const { query, fromServer } = lookupParts();

it('the first stage is called first and sees the result last', async () => {
  const calls: string[] = [];
  const stage =
    (name: string): Stage =>
    (next) =>
    async (query) => {
      calls.push(`${name} calls`);
      const result = await next(query);
      calls.push(`${name} returns`);
      return result;
    };
  const result = fromServer();
  const find = compose(
    [stage('outer'), stage('inner')],
    nextLookup(() => result),
  );
  expect(await find(query())).toBe(result);
  expect(calls).toEqual(['outer calls', 'inner calls', 'inner returns', 'outer returns']);
});

it('a stage that finds the result itself calls no stage behind it', async () => {
  const last = nextLookup(() => fromServer());
  const find = compose([() => async () => ({ from: 'cache', response: { active: true } })], last);
  expect(await find(query())).toEqual({ from: 'cache', response: { active: true } });
  expect(last).not.toHaveBeenCalled();
});
