import { describe, expect, it, vi } from 'vitest';
import { protect } from '../../src/adapter/index.js';
import { Authorizer, type AuthorizerSettings } from '../../src/index.js';
import { scripted } from '../support/scripted-transport.js';

const native = { url: '/items' };
const request = { authorization: undefined, native };
const decide = (errorBody: NonNullable<AuthorizerSettings['errorBody']>, policy = {}) =>
  protect(new Authorizer({ ...scripted, realm: 'r', errorBody }), policy)(request);

it('errorBody: replaces the body, and leaves status and header fields as they are', async () => {
  const errorBody = vi.fn(() => ({ type: 'about:blank', title: 'Unauthorized' }));
  expect(await decide(errorBody)).toMatchObject({
    allowed: false,
    status: 401,
    headers: [
      ['WWW-Authenticate', 'Bearer realm="r"'],
      ['Cache-Control', 'no-store'],
    ],
    body: '{"type":"about:blank","title":"Unauthorized"}',
    error: { code: 'missing_token', body: {} },
  });
  expect(errorBody).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'missing_token' }), native);
});

it('errorBody: is not called for an error of the application, nor by authorize', async () => {
  const errorBody = vi.fn(() => ({}));
  const authorizer = new Authorizer({ ...scripted, errorBody });
  await expect(authorizer.authorize(undefined)).rejects.toMatchObject({ code: 'missing_token', body: {} });
  expect(errorBody).not.toHaveBeenCalled();
});

describe('errorBody that fails', () => {
  it('rejects with the error that it throws', async () => {
    const failing = new Error('a bug');
    const decision = decide(() => {
      throw failing;
    });
    await expect(decision).rejects.toBe(failing);
  });

  it.each([undefined, null, 'text', Promise.resolve({})])('rejects with a TypeError for %s', async (body) => {
    await expect(decide(() => body as never)).rejects.toThrow(
      new TypeError('"errorBody" must return an object, and not a promise'),
    );
  });

  it('handles the rejection of an asynchronous function, so that the process does not end', async () => {
    const rejections = vi.fn();
    process.on('unhandledRejection', rejections);
    await expect(decide(() => Promise.reject(new Error('a bug')))).rejects.toThrow('"errorBody"');
    await new Promise(setImmediate);
    process.off('unhandledRejection', rejections);
    expect(rejections).not.toHaveBeenCalled();
  });

  it('rejects for a body that JSON cannot hold', async () => {
    await expect(decide(() => ({ big: 1n }))).rejects.toThrow(TypeError);
  });
});
