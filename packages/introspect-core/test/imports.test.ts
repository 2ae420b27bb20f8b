import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../src/', import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name: name.replaceAll('\\', '/'), code: readFileSync(join(folder, name), 'utf8') }));

const isExtension = (name: string) => /^(adapter|extensions)\//.test(name);
/** What a folder of entry points needs in addition, so that nobody else pays for it. */
const ownDependencies: Record<string, readonly string[]> = {
  'extensions/jwt': ['jose'],
  'extensions/opentelemetry': ['@opentelemetry/api'],
  'extensions/private-key-jwt': ['jose'],
  'extensions/undici': ['undici', 'node:buffer', 'node:net', 'node:zlib'],
  'extensions/zitadel': ['jose'],
};
/** Entry points that know a vendor: its claims, or its key files. */
const isOfVendor = (name: string) => /^extensions\/(private-key-jwt|zitadel)\//.test(name);

describe('the core', () => {
  it.each(files)('$name imports no Node module and no framework', ({ name, code }) => {
    const imported = [...code.matchAll(/from '([^'.][^']*)'/g)].map(([, from = '']) => from);
    const own = ownDependencies[name.split('/').slice(0, 2).join('/')] ?? [];
    const allowed = ['valibot', ...(isExtension(name) ? ['@acme/introspect-core', ...own] : ['ofetch', 'lru-cache'])];
    expect(imported.filter((from) => !allowed.includes(from))).toEqual([]);
  });

  it('zitadel.ts imports only types', () => {
    const code = files.find(({ name }) => name === 'extensions/zitadel/zitadel.ts')?.code ?? '';
    expect(code.match(/^import .*/gm)).toEqual(['import type {']);
    expect(code).not.toMatch(/^export .* from|\b(import|require)\(/m);
  });

  it.each(files.filter(({ name }) => !isOfVendor(name)))('$name names no vendor, except in an example', ({ code }) => {
    expect(code.replaceAll('`x-zitadel-instance-host`', '')).not.toMatch(/zitadel|keycloak/i);
  });
});
