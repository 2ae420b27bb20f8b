// Installs and builds what the other commands need. Plain Node 20 and npm are enough to run it.
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const environment = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
  npm_config_update_notifier: 'false',
  npm_config_prefer_offline: 'true', // else npx asks the registry for what it already has, for a minute where there is none
};

/** Runs pnpm at the version that package.json names, and gives its exit code. */
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

/** Installs and builds, one process at a time: two commands may be started at once in a fresh clone. */
export async function prepare() {
  await withLock(join(root, '.prepare-lock'), () => {
    console.log(`Installing (${packageManager}) …`);
    if (pnpm(['install', '--frozen-lockfile']) !== 0) fail('The installation failed; what it printed is above.');
    console.log('\nBuilding …');
    if (pnpm(['exec', 'turbo', 'run', 'build', '--output-logs=hash-only']) !== 0) {
      fail('The build failed; `npx turbo run build` shows it in full.');
    }
  });
}

/** Prints and ends, without a stack that nobody needs. */
function fail(message) {
  console.error(`\n${message}`);
  process.exit(1);
}

/** A file that names its owner: made if it is not there, and taken over when the owner has gone. */
async function withLock(file, work) {
  const giveUpAt = Date.now() + 20 * 60_000;
  for (let told = false; !take(file); await delay(200)) {
    if (!told) console.log('Another command is installing or building here; waiting for it …');
    told = true;
    if (Date.now() > giveUpAt)
      fail(`Nothing has happened for 20 minutes. If no other command runs here, remove ${file}`);
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  await work();
  process.off('exit', release);
  release();
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (isAbandoned(file)) moveAway(file);
  return false;
}

/** Its owner has gone, or never wrote its name. */
function isAbandoned(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    if (pid === 0) return Date.now() - statSync(file).mtimeMs > 5000;
    process.kill(pid, 0); // asks whether it lives
    return pid === process.pid;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** By a rename, which only one of those who wait can do; a lock that somebody has just taken is put back. */
function moveAway(file) {
  const aside = `${file}-${process.pid}`;
  try {
    renameSync(file, aside);
    if (isAbandoned(aside)) rmSync(aside);
    else renameSync(aside, file);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}
