import { expect, it, vi } from 'vitest';
import { brand } from '../../src/authorizer/authorizer-brand.js';
import * as first from '../../src/index.js';
import { scripted } from '../support/scripted-transport.js';

// Loaded here and not in a test: Stryker takes a module that a test loads for code that only this test runs.
vi.resetModules();
const second: typeof first = await import('../../src/index.js');

it('isAuthorizer: is true for an authorizer of another copy of the package, and false for anything else', () => {
  const foreign = new second.Authorizer(scripted);
  expect(foreign instanceof first.Authorizer).toBe(false);
  expect(first.isAuthorizer(foreign)).toBe(true);
  for (const other of [
    undefined,
    null,
    'x',
    {},
    { authorize: () => {} },
    first.Authorizer,
    new second.IntrospectionClient(scripted),
  ]) {
    expect(first.isAuthorizer(other)).toBe(false);
  }
});

it('brand: is true for each kind of authorizer', () => {
  const member = new first.Authorizer({ ...scripted, issuer: 'https://as.example' });
  const tenants = first.tenants(
    () => 'a',
    () => member,
  );
  expect([member, first.issuers([member]), tenants].map((each) => each[brand])).toEqual([true, true, true]);
});

it('Authorizer: takes a client of another copy of the package', async () => {
  const transport = async () => ({ status: 200, header: () => 'application/json', body: '{"active":true,"sub":"s"}' });
  const client = new second.IntrospectionClient({ ...scripted, transport });
  const authorizer = new first.Authorizer({ client, cache: { maxAgeSeconds: 60 } });
  expect(await authorizer.authorize('Bearer t')).toEqual({ active: true, sub: 's' });
  expect(authorizer.stats().requests.active).toBe(1);
});

it('Authorizer: rejects a client that is none', () => {
  for (const client of [{}, { introspect: () => {} }, 'client']) {
    expect(() => new first.Authorizer({ client } as never)).toThrow(
      'Authorizer: "client" must be an IntrospectionClient',
    );
  }
});
