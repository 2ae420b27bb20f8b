import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const folder = new URL('../src/', import.meta.url);
const files = readdirSync(folder).map((name) => ({ name, code: readFileSync(new URL(name, folder), 'utf8') }));

describe("the core's road", () => {
  it.each(files)('$name imports no Node module and no framework', ({ code }) => {
    const imported = [...code.matchAll(/from '([^']+)'/g)].map(([, from]) => from);
    const allowed = /^(\.\/[\w-]+\.js|valibot|ofetch)$/;
    expect(imported.filter((from) => !allowed.test(from ?? ''))).toEqual([]);
  });

  it.each(files.filter(({ name }) => name !== 'zitadel.ts'))('$name knows no vendor, but in an example', ({ code }) => {
    expect(code.replaceAll('`x-zitadel-instance-host`', '')).not.toMatch(/zitadel|keycloak/i);
  });
});
