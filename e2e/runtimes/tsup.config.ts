import { defineConfig } from 'tsup';

// The packages stay outside, as they do for their users.
export default defineConfig([
  {
    entry: ['src/main.ts', 'src/node.ts', 'src/bun.ts', 'src/deno.ts', 'src/workerd.ts'],
    external: ['cloudflare:workers', 'esbuild'],
    format: 'esm',
    target: 'node20',
    dts: false,
  },
  { entry: ['src/node.ts'], format: 'cjs', target: 'node20', dts: false },
]);
