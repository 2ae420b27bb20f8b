import { describe, expect, it } from 'vitest';
import { InvalidResponseError } from '../../src/index.js';
import { ownMember, readJsonObject } from '../../src/protocol/json-object.js';

const origin = 'https://as.example.com';
const responseOf = (body: string, contentType: string | null = 'application/json') => ({
  status: 200,
  header: (name: string) => (name === 'content-type' ? contentType : null),
  body,
});
/** Returns the text of an object with objects or lists inside each other, the object itself included. */
const nested = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;

describe('readJsonObject', () => {
  const otherType = 'responded with a Content-Type other than application/json: is a login page or a proxy in between?';
  it.each<[string, string, string | null, string]>([
    ['another media type', '{}', 'text/html', otherType],
    ['a longer media type', '{}', 'application/json-seq', otherType],
    ['no media type', '{}', null, otherType],
    ['an empty media type', '{}', '', otherType],
    ['an empty body', '', 'application/json', 'responded with a body that is not JSON'],
    ['a login page', '<html>', 'application/json', 'responded with a body that is not JSON'],
    ['a list', '[]', 'application/json', 'responded with JSON that is not an object'],
    ['null', 'null', 'application/json', 'responded with JSON that is not an object'],
    ['a string', '"a"', 'application/json', 'responded with JSON that is not an object'],
    ['65 levels', nested(65), 'application/json', 'responded with JSON that is nested deeper than 64 levels'],
    [
      '64 lists in an object',
      `{"a":${'['.repeat(64)}${']'.repeat(64)}}`,
      'application/json',
      'responded with JSON that is nested deeper than 64 levels',
    ],
  ])('throws an InvalidResponseError for %s', (_, body, contentType, problem) => {
    expect(() => readJsonObject(responseOf(body, contentType), origin)).toThrow(
      new InvalidResponseError(`${origin} ${problem}`),
    );
  });

  it.each(['application/json', 'Application/JSON', ' application/json ; charset=utf-8', 'application/json;v=1;w=2'])(
    'reads a body of the Content-Type "%s"',
    (contentType) => {
      expect(readJsonObject(responseOf('{"a":1}', contentType), origin)).toEqual({ a: 1 });
    },
  );

  it('reads 64 levels', () => {
    expect(readJsonObject(responseOf(nested(64)), origin)).toHaveProperty('a');
  });

  it.each(['{"__proto__":{"b":1},"a":{"__proto__":{"b":1}}}', '{"\\u005f_proto__":{"b":1},"a":{"_\\u005fproto__":1}}'])(
    'drops the members called __proto__ of %s',
    (body) => {
      const object = readJsonObject(responseOf(body), origin);
      expect([Object.getOwnPropertyNames(object), Object.getOwnPropertyNames(object.a)]).toEqual([['a'], []]);
    },
  );

  it('freezes all nested values, and not the object itself', () => {
    const object = readJsonObject(responseOf('{"a":{"b":[{}]}}'), origin) as { a: { b: [object] } };
    const { a } = object;
    expect([object, a, a.b, a.b[0]].map((each) => Object.isFrozen(each))).toEqual([false, true, true, true]);
  });
});

describe('ownMember', () => {
  it('returns an own member, and undefined for an inherited one', () => {
    expect([ownMember({ a: 1 }, 'a'), ownMember({}, 'toString'), ownMember(Object.create({ a: 1 }), 'a')]).toEqual([
      1,
      undefined,
      undefined,
    ]);
  });
});
