// Runs a built program of this repository on the Node that the tools have, where that could be had.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

/** Directly, so that a signal reaches the program and nothing stays behind. This process ends as it does. */
export function run(file) {
  const newer = join(root, 'node_modules/node/bin/node');
  const program = spawn(existsSync(newer) ? newer : process.execPath, [join(root, file), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => program.kill(signal));
  program.once('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
