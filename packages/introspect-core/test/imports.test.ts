import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const folder = new URL('../src/', import.meta.url);
const files = readdirSync(folder).map((name) => ({ name, code: readFileSync(new URL(name, folder), 'utf8') }));

/** Entry points besides the index: they import the core as its users do, so that there is only one of it. */
const entryPoints = [
  'adapter.ts',
  'jwt-prefilter.ts',
  'opentelemetry.ts',
  'private-key-jwt.ts',
  'zitadel-explain.ts',
  'zitadel.ts',
];
/** The entry point for Node and Deno, in several files. */
const isOfUndici = (name: string) => /^undici(-\w+)*\.ts$/.test(name);
const ofUndici = ['@acme/introspect-core', 'undici', 'node:buffer', 'node:net', 'node:zlib'];
/** What an entry point of its own needs besides, so that nobody else pays for it. */
const ownDependency: Record<string, string> = {
  'jwt-prefilter.ts': 'jose',
  'opentelemetry.ts': '@opentelemetry/api',
  'private-key-jwt.ts': 'jose',
  'zitadel-explain.ts': 'jose',
};

/** Entry points that know a vendor: its claims, or its key files. */
const vendors = ['private-key-jwt.ts', 'zitadel-explain.ts', 'zitadel.ts'];

describe("the core's road", () => {
  it.each(files)('$name imports no Node module and no framework', ({ name, code }) => {
    const imported = [...code.matchAll(/from '([^']+)'/g)].map(([, from = '']) => from);
    const allowed = /^(\.\/[\w-]+\.js|valibot|ofetch|lru-cache)$/;
    const ofEntryPoint = entryPoints.includes(name) ? ['@acme/introspect-core', ownDependency[name]] : [];
    const own = isOfUndici(name) ? ofUndici : ofEntryPoint;
    expect(imported.filter((from) => !own.includes(from) && !allowed.test(from))).toEqual([]);
  });

  it("undici's files import no file of the core, and no file of the core imports them", () => {
    for (const { name, code } of files) {
      for (const [, from = ''] of code.matchAll(/from '\.\/([\w-]+)\.js'/g)) {
        expect(isOfUndici(`${from}.ts`), `${name} imports ${from}`).toBe(isOfUndici(name));
      }
    }
  });

  it('zitadel.ts imports types alone', () => {
    const code = files.find(({ name }) => name === 'zitadel.ts')?.code ?? '';
    expect(code.match(/^import .*/gm)).toEqual(['import type {']);
    expect(code).not.toMatch(/^export .* from|\b(import|require)\(/m);
  });

  it.each(files.filter(({ name }) => !vendors.includes(name)))(
    '$name knows no vendor, but in an example',
    ({ code }) => {
      expect(code.replaceAll('`x-zitadel-instance-host`', '')).not.toMatch(/zitadel|keycloak/i);
    },
  );
});
