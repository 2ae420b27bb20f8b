// npm start: installs, builds what the tour needs, and runs the tour. It prints what pnpm and turbo say only if they fail.
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pnpm, root } from './prepare.mjs';
import { run } from './run.mjs';

const isPrepared = existsSync(join(root, 'apps/tour/dist/main.js'));
console.log(
  isPrepared
    ? 'Checking that everything is installed and built. This takes a few seconds.'
    : 'Installing and building. The first time, this takes about a minute.',
);

quietly('install', ['install', '--frozen-lockfile']);
// The tour needs no type declarations, and these take most of the time of a build. But if an earlier build made them,
// they must stay: a build without them deletes them.
const hasTypes = existsSync(join(root, 'packages/introspect-core/dist/index.d.ts'));
const build = ['exec', 'turbo', 'run', 'build', '--filter=tour', '--output-logs=errors-only'];
quietly('build', hasTypes ? build : [...build, '--', '--no-dts']);

run('apps/tour/dist/main.js');

/** Runs pnpm. If it fails, prints what it printed, and exits. */
function quietly(step, args) {
  const folder = mkdtempSync(join(tmpdir(), 'introspect-start-'));
  const file = join(folder, 'output');
  const output = openSync(file, 'w');
  try {
    if (pnpm(args, { stdio: ['ignore', output, output] }) === 0) return;
    console.error(`${readFileSync(file, 'utf8')}\nThe ${step} failed. What pnpm printed is above.`);
  } finally {
    closeSync(output);
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit(1);
}
