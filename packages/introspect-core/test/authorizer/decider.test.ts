import { afterEach, expect, it, vi } from 'vitest';
import { Authorizer } from '../../src/index.js';
import { scripted, scriptedTransport } from '../support/scripted-transport.js';

afterEach(() => vi.unstubAllGlobals());

it('a cached token is denied by an async check, also where a library has replaced the global Promise', async () => {
  const { transport } = scriptedTransport(() => ({}));
  const authorizer = new Authorizer({ ...scripted, transport, cache: { maxAgeSeconds: 60 } });
  await authorizer.authorize('Bearer t');
  vi.stubGlobal('Promise', class extends Promise<unknown> {}); // async functions return the platform's own promises
  const policies = [{ check: async () => false }, { anyOf: [{ scopes: ['a'] }, { check: async () => false }] }];
  for (const policy of policies) {
    await expect(authorizer.authorize('Bearer t', policy)).rejects.toMatchObject({ status: 403 });
  }
});
