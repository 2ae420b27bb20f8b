// The cost of a package when a process starts, and in a bundle.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'rolldown';
import { isQuick } from '../quick.js';
import { atMost, cells, columnsOf, type Report, times } from '../report.js';
import { inRounds, median, ratios } from '../rounds.js';
import { runWorker, serve } from '../worker.js';

const rounds = isQuick ? 5 : 31;

async function report(): Promise<Report> {
  const importing = (packages: readonly string[]) => () =>
    runWorker<number>('./workers/import.js', packages, 'milliseconds');
  const imports = await inRounds(
    {
      '@acme/introspect-core': importing(['@acme/introspect-core']),
      oauth4webapi: importing(['oauth4webapi']),
      'openid-client + jose': importing(['openid-client', 'jose']),
    },
    { rounds, warmUps: 1 },
  );
  const sizes = {
    'ours, the client': await bundled(`export { IntrospectionClient } from '@acme/introspect-core'`),
    'ours, client and cache': await bundled(`export { Authorizer } from '@acme/introspect-core'`),
    oauth4webapi: await bundled(
      `export { ClientSecretBasic, introspectionRequest, processIntrospectionResponse } from 'oauth4webapi'`,
    ),
    'openid-client + jose': await bundled(
      `export { ClientSecretBasic, discovery, tokenIntrospection } from 'openid-client';
       export { createRemoteJWKSet, jwtVerify } from 'jose'`,
    ),
  };
  const milliseconds = (value: number) => `${value.toFixed(1)} ms`;
  const ours = imports['@acme/introspect-core'];
  return {
    title: 'Import time, and size in a bundle',
    columns: ['', 'measured', ...columnsOf('of oauth4webapi')],
    rows: [
      ...Object.entries(imports).map(([name, values]) => [
        `import ${name}`,
        milliseconds(median(values)),
        ...cells(ratios(values, imports.oauth4webapi)),
      ]),
      ...Object.entries(sizes).map(([name, size]) => [
        `size of ${name}`,
        kilobytes(size),
        times(size / sizes.oauth4webapi),
        '',
        '',
      ]),
    ],
    goals: [
      atMost(2.5, ratios(ours, imports.oauth4webapi), 'import, of oauth4webapi'),
      atMost(29_000, [sizes['ours, client and cache']], 'client and cache', kilobytes),
      atMost(15_500, [sizes['ours, the client']], 'the client alone', kilobytes),
    ],
    notes: [
      'Sizes are minified and gzipped, with all dependencies, as rolldown bundles them. The import does not load ofetch, the ' +
        'default transport. The first introspection request loads it within its own time limit, which takes tens of ' +
        'milliseconds.',
    ],
  };
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}

/** Returns the size of a bundle with these exports, in bytes, minified and gzipped. */
async function bundled(exports: string): Promise<number> {
  const entry = fileURLToPath(new URL('exports.js', import.meta.url)); // does not exist, but packages are resolved from its folder
  const plugin = {
    name: 'exports',
    resolveId: (id: string) => (id === entry ? id : null),
    load: (id: string) => (id === entry ? exports : null),
  };
  const { output } = await build({
    input: entry,
    plugins: [plugin],
    output: { minify: true, comments: { annotation: false } },
    write: false,
  });
  return gzipSync(output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('')).byteLength;
}

serve({ report });
