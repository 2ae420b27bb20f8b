// npm test: installs, builds, and runs every check there is. The last line counts them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pnpm, prepare } from './prepare.mjs';

await prepare();

// Of this run alone: two runs at a time must not write to each other's files.
const folder = mkdtempSync(join(tmpdir(), 'introspect-test-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const results = join(folder, 'results.json');

const checks = {
  'node -v': ['exec', 'node', '-v'],
  lint: ['run', 'lint'],
  types: ['run', 'types', '--output-logs=errors-only'],
  'unused code': ['run', 'unused'],
  imports: ['run', 'imports'],
  words: ['run', 'words'],
  size: ['run', 'size', '--output-logs=errors-only'],
  tests: [
    'exec',
    'vitest',
    'run',
    '--coverage',
    `--coverage.reportsDirectory=${join(folder, 'coverage')}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${results}`,
  ],
};

const outcomes = Object.entries(checks).map(([name, args]) => {
  console.log(`\n── ${name}`);
  return { name, passed: pnpm(['--silent', ...args]) === 0 };
});

const { passed, failed } = countTests();
const failedChecks = outcomes.filter((outcome) => !outcome.passed).map(({ name }) => name);
if (failedChecks.length > 0) console.log(`\nFailed: ${failedChecks.join(', ')}`);
// A check is one; the tests count each, or as one failure when they could not even be counted.
const others = failedChecks.filter((name) => name !== 'tests' || failed === 0).length;
console.log(`\n${passed + outcomes.length - failedChecks.length} passed, ${failed + others} failed`);
process.exitCode = failedChecks.length > 0 ? 1 : 0;

function countTests() {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(results, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}
