// npm test: installs, builds, and runs the checks and the tests at the same time. The last line is their count.
import { check, printCount, tests } from './checks.mjs';
import { prepare } from './prepare.mjs';

prepare('./packages/*', './apps/*');
console.log('\nTesting …');

/** Scripts of package.json, one after the other. */
async function checks() {
  for (const name of ['lint', 'types', 'unused', 'imports', 'words', 'size']) {
    await check(name, 'npm', 'run', '--silent', name);
  }
}

await Promise.all([check('node -v', 'node', '-v'), checks(), tests()]);
printCount();
