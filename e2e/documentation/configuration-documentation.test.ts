import { Authorizer, checkPolicy, fromEnv, IntrospectionClient } from '@acme/introspect-core';
import { jwtPrefilter } from '@acme/introspect-core/jwt-prefilter';
import { keycloak } from '@acme/introspect-core/keycloak';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { undiciTransport } from '@acme/introspect-core/undici';
import { zitadel } from '@acme/introspect-core/zitadel';
import { beforeAll, describe, expect, it } from 'vitest';
import { knownOptions, read, rows } from './pages.js';

const client = { issuer: 'https://a.example', clientId: 'c', clientSecret: 's' };
/** Options with an unknown one in a group, such as `retry`. */
const unknownIn = (group: string) => ({ ...client, [group]: { maxAgeSeconds: 1, unknown: 1 } }) as never;
const inGroup = (group: string, construct: () => unknown) => knownOptions(construct).map((name) => `${group}.${name}`);

/** The names of the environment variables that a preset reads. */
function variablesOf(preset: (options: { env: Record<string, string | undefined> }) => unknown): string[] {
  const names: string[] = [];
  const env = new Proxy<Record<string, string>>({}, { get: (_, name) => void names.push(String(name)) });
  expect(() => preset({ env })).toThrow(TypeError);
  return names;
}

describe('docs/configuration.md', () => {
  let page: string;
  beforeAll(async () => {
    page = await read('docs/configuration.md');
  });
  /** Returns the names in the first column of the table that follows a heading or another text. */
  const namedAfter = (text: string) => {
    const [table = ''] = /^\| .*?(?=\n\n|\n?$(?![\s\S]))/ms.exec(page.slice(page.indexOf(text))) ?? [];
    return rows(table).flatMap(([name]) => /^`([\w.]+)`$/.exec(name ?? '')?.[1] ?? []);
  };
  const ofClient = () => [
    ...knownOptions(() => new IntrospectionClient({ unknown: 1 } as never)).filter((name) => !groups.includes(name)),
    ...inGroup('retry', () => new IntrospectionClient(unknownIn('retry'))),
    ...inGroup('limits', () => new IntrospectionClient(unknownIn('limits'))),
  ];
  const groups = ['retry', 'circuitBreaker', 'limits'];

  it('names every option of the client, and no other', () => {
    const breaker = inGroup('circuitBreaker', () => new IntrospectionClient(unknownIn('circuitBreaker')));
    const named = [...namedAfter('## Server and credentials'), ...namedAfter('## Introspection requests')];
    expect(named.sort()).toEqual([...ofClient(), ...breaker].sort());
  });

  it('names every option of the authorizer, and no other', () => {
    const ofBoth = knownOptions(() => new Authorizer({ unknown: 1 } as never));
    const own = ofBoth.filter((name) => !groups.includes(name) && !ofClient().includes(name));
    expect(namedAfter('## Authorizer').sort()).toEqual(own.sort());
  });

  it.each<[string, string, () => unknown]>([
    ['policy', '## Policy', () => checkPolicy({ unknown: 1 } as never)],
    ['undici transport', '## Transports', () => undiciTransport({ unknown: 1 } as never)],
    ['prefilter for JWTs', '## jwtPrefilter', () => jwtPrefilter({ unknown: 1 } as never)],
  ])('names every member of the %s, and no other', (_, heading, construct) => {
    expect(namedAfter(heading).sort()).toEqual(knownOptions(construct).sort());
  });

  it('names every option of the cache, and no other', () => {
    const known = inGroup('cache', () => new Authorizer(unknownIn('cache')));
    expect(namedAfter('### Cache').sort()).toEqual(known.sort());
  });

  it('names every option of privateKeyJwt, and no other', () => {
    const key = { clientId: 'c', keyId: 'k', algorithm: 'ES256' };
    const kinds = [
      { keyJson: '{}' },
      { ...key, privateKey: 'pem' },
      { ...key, sign: async (input: Uint8Array) => input },
    ];
    const known = kinds.flatMap((kind) => knownOptions(() => privateKeyJwt({ ...kind, unknown: 1 } as never)));
    expect(namedAfter('### privateKeyJwt').sort()).toEqual([...new Set(known)].sort());
  });

  it('names every environment variable that fromEnv() and each preset read, and no other', () => {
    expect(namedAfter('`fromEnv(options)` is for').sort()).toEqual(variablesOf(fromEnv).sort());
    expect(namedAfter('`zitadel(options)` is for').sort()).toEqual(variablesOf(zitadel).sort());
    expect(namedAfter('`keycloak(options)` is for').sort()).toEqual(variablesOf(keycloak).sort());
  });
});

it('the README of introspect-core names every option of the authorizer, and no other', async () => {
  const [, options = ''] = (await read('packages/introspect-core/README.md')).split(/^## Options$|^A policy can have/m);
  const named = rows(options).flatMap(([names]) => [...(names ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name));
  const known = knownOptions(() => new Authorizer({ unknown: 1 } as never));
  expect(named.filter((name) => name !== 'Authorizer').sort()).toEqual(known.sort());
});
