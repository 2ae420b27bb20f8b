import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    adapter: 'src/adapter/index.ts',
    'client-secret-jwt': 'src/extensions/private-key-jwt/client-secret-jwt.ts',
    'jwt-prefilter': 'src/extensions/jwt/jwt-prefilter.ts',
    keycloak: 'src/extensions/keycloak/keycloak.ts',
    'keycloak-explain': 'src/extensions/keycloak/explain.ts',
    mcp: 'src/extensions/mcp/mcp.ts',
    opentelemetry: 'src/extensions/opentelemetry/opentelemetry.ts',
    'private-key-jwt': 'src/extensions/private-key-jwt/private-key-jwt.ts',
    stores: 'src/extensions/stores/stores.ts',
    undici: 'src/extensions/undici/undici.ts',
    web: 'src/extensions/web/web.ts',
    zitadel: 'src/extensions/zitadel/zitadel.ts',
    'zitadel-explain': 'src/extensions/zitadel/explain.ts',
  },
  external: [/^@acme\/introspect-core(\/|$)/], // an entry point must not contain a second copy of another one
  format: ['esm', 'cjs'],
  target: 'node20',
  dts: true,
  clean: true,
  // Jest, with CommonJS, rejects `import()`.
  esbuildOptions: (options, { format }) => {
    if (format === 'cjs') options.supported = { 'dynamic-import': false };
  },
});
