// Runs a built program of this repository, on the newer Node of the tools if it is installed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

/** Runs the program without a shell, so that signals reach it and no process is left behind. Takes over its exit code. */
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
