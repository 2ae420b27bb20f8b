// npm run test:runtimes: runs one suite on every runtime, with the packages as packed. The runtimes are npm packages.
// The last line is the count.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pnpm, prepare, root } from './prepare.mjs';

prepare('runtimes');

console.log('\nInstalling the runtimes …');
// A runtime that does not exist for this machine is not installed, and its suite counts as failed below.
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
