// Runs checks and test suites, some of them at the same time, and counts what passed and failed.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './prepare.mjs';

// Each run has its own folder, so that two runs cannot write to each other's files.
const folder = mkdtempSync(join(tmpdir(), 'introspect-test-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

let [passed, failed] = [0, 0];
const failures = [];

/** Runs a command and counts it as one. Prints its output when it ends, unless it passed. */
export async function check(name, command, ...args) {
  const startedAt = Date.now();
  let output = '';
  const program = start(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [program.stdout, program.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const isPassed = (await exitCode(program)) === 0;
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  console.log(`── ${name}: ${isPassed ? 'passed' : 'failed'} (${seconds} s)${isPassed ? '' : `\n${output}`}`);
  count(name, isPassed);
}

/** Runs Vitest, prints its output meanwhile, and counts each of its tests. */
export async function tests(...args) {
  const results = join(folder, 'results.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  const coverage = `--coverage.reportsDirectory=${join(folder, 'coverage')}`;
  // On two cores, Vitest would use only one of them.
  const options = ['--maxWorkers=100%', ...args, coverage, ...reporters];
  const code = await exitCode(start('vitest', ['run', ...options], { stdio: 'inherit' }));
  const { numPassedTests = 0, numFailedTests = 0 } = readResults(results);
  passed += numPassedTests;
  failed += numFailedTests;
  // Vitest can also fail without a failed test, for example below the threshold of the coverage: that is one failure.
  if (code === 0 || numFailedTests === 0) count('tests', code === 0);
  else failures.push('tests');
}

/** Prints the count as the last line. The process fails if anything failed. */
export function printCount() {
  if (failures.length > 0) console.log(`\nFailed: ${failures.join(', ')}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

function count(name, isPassed) {
  if (isPassed) passed++;
  else {
    failed++;
    failures.push(name);
  }
}

/** Npm puts the tools of this repository first in the path, among them the newer Node if pnpm could install one. */
function start(command, args, options) {
  return spawn(command, args, { cwd: root, shell: process.platform === 'win32', ...options });
}

function exitCode(program) {
  return new Promise((resolve, reject) => program.once('error', reject).once('close', resolve));
}

function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}
