// npm run test:runtimes: one suite on every runtime, each from its npm package, on the packages as they are packed.
// The last line counts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pnpm, prepare, root } from './prepare.mjs';

prepare('runtimes');

console.log('\nInstalling the runtimes …');
// What cannot be had for this machine is left out, and counted as failed below.
pnpm([
  '--dir',
  join(root, 'e2e/runtimes/binaries'),
  'install',
  '--frozen-lockfile',
  '--reporter=append-only',
  '--silent',
]);

const folder = mkdtempSync(join(tmpdir(), 'introspect-runtimes-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const deployed = pnpm(['--silent', '--filter=runtimes', 'deploy', '--prod', '--prefer-offline', folder]) === 0;
process.exitCode = deployed ? pnpm(['--silent', 'exec', 'node', 'e2e/runtimes/dist/main.js', folder]) : 1;
