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
  'extensions/mcp': ['@acme/introspect-core/adapter'],
  'extensions/opentelemetry': ['@opentelemetry/api'],
  'extensions/private-key-jwt': ['jose'],
  'extensions/undici': ['undici', 'node:buffer', 'node:net', 'node:zlib'],
  'extensions/web': ['@acme/introspect-core/adapter'],
  'extensions/explain': ['@acme/introspect-core/jwt-prefilter'],
  'extensions/keycloak': ['@acme/introspect-core/jwt-prefilter'],
  'extensions/zitadel': ['@acme/introspect-core/jwt-prefilter', 'jose'],
};
/** Entry points that know a vendor: its claims, or its key files. */
const isOfVendor = (name: string) => /^extensions\/(explain|keycloak|private-key-jwt|zitadel)\//.test(name);

describe('the core', () => {
  it.each(files)('$name imports no Node module and no framework', ({ name, code }) => {
    const imported = [...code.matchAll(/from '([^'.][^']*)'/g)].map(([, from = '']) => from);
    const own = ownDependencies[name.split('/').slice(0, 2).join('/')] ?? [];
    const allowed = ['valibot', ...(isExtension(name) ? ['@acme/introspect-core', ...own] : ['ofetch', 'lru-cache'])];
    expect(imported.filter((from) => !allowed.includes(from))).toEqual([]);
  });

  it('the preset for ZITADEL needs no library: its files import only types and one another', () => {
    const own = ['zitadel', 'roles', 'claims'].map((name) => `extensions/zitadel/${name}.ts`);
    const preset = files.filter(({ name }) => own.includes(name));
    expect(preset).toHaveLength(own.length);
    const statements = preset.flatMap(({ code }) => code.match(/^(import|export)\b[^;]*?\bfrom '[^']+'/gm) ?? []);
    const imported = statements.filter((statement) => !statement.startsWith('import type '));
    expect(imported.map((statement) => statement.replace(/^.* from '/s, '').slice(0, -1)).toSorted()).toEqual([
      '../../runtime/environment.js',
      '../../runtime/option-problem.js',
      '../../runtime/option-problem.js',
      './claims.js',
      './claims.js',
      './claims.js',
      './roles.js',
      './roles.js',
    ]);
    for (const { code } of preset) expect(code).not.toMatch(/\b(import|require)\(/);
  });

  it('the preset for Keycloak needs no library: its files import only types and one another', () => {
    const own = ['keycloak', 'roles', 'claim-values'].map((name) => `extensions/keycloak/${name}.ts`);
    const preset = files.filter(({ name }) => own.includes(name));
    expect(preset).toHaveLength(own.length);
    const statements = preset.flatMap(({ code }) => code.match(/^(import|export)\b[^;]*?\bfrom '[^']+'/gm) ?? []);
    const imported = statements.filter((statement) => !statement.startsWith('import type '));
    const sources = imported.map((statement) => statement.replace(/^.* from '/s, '').slice(0, -1));
    expect(new Set(sources)).toEqual(
      new Set(['../../runtime/environment.js', '../../runtime/option-problem.js', './claim-values.js', './roles.js']),
    );
    for (const { code } of preset) expect(code).not.toMatch(/\b(import|require)\(/);
  });

  it.each(files.filter(({ name }) => !isOfVendor(name)))('$name names no vendor, except in an example', ({ code }) => {
    expect(code.replaceAll('`x-zitadel-instance-host`', '')).not.toMatch(/zitadel|keycloak/i);
  });
});
