// Runs the suite on every runtime: a line for each, with its count, and one for all.
import { runtimesIn } from './runtimes.js';
import { suiteOn } from './suite-on.js';

let [passed, failed] = [0, 0];
const folder = String(process.argv[2]);
for (const runtime of runtimesIn(folder)) {
  const { passes, failures } = await suiteOn(runtime, folder);
  console.log(`${runtime.name}: ${passes} passed${failures.length > 0 ? `, ${failures.length} failed` : ''}`);
  for (const failure of failures) console.log(`  ${failure}`);
  passed += passes;
  failed += failures.length;
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
