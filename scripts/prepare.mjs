// Installs and builds what the other commands need. Plain Node 20 and npm are enough to run it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const environment = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  npm_config_update_notifier: 'false',
  npm_config_prefer_offline: 'true', // without a network, npx would try the registry for a minute
};

/** Runs pnpm at the version that package.json names, and returns its exit code. */
export function pnpm(args, options = {}) {
  const { status, error } = spawnSync('npx', ['-y', packageManager, ...args], {
    cwd: root,
    env: environment,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    ...options,
  });
  if (error) throw error;
  return status ?? 1;
}

/** Installs the dependencies, then builds the named packages and what they depend on. Ends the process on a failure. */
export function prepare(...packages) {
  console.log(`Installing (${packageManager}) …`);
  if (pnpm(['install', '--frozen-lockfile']) !== 0) fail('The installation failed. Its output is above.');
  console.log('\nBuilding …');
  const filters = packages.map((name) => `--filter=${name}`);
  if (pnpm(['exec', 'turbo', 'run', 'build', ...filters, '--output-logs=hash-only']) !== 0) {
    fail('The build failed. `npx turbo run build` prints the reason.');
  }
}

/** Prints a message and ends the process, without a stack trace. */
function fail(message) {
  console.error(`\n${message}`);
  process.exit(1);
}
