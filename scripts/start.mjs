// npm start: installs, builds, and takes the reader on the tour.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

await prepare();

// Directly, so that a signal reaches the tour and nothing stays behind.
const newer = join(root, 'node_modules/node/bin/node');
const tour = spawn(
  existsSync(newer) ? newer : process.execPath,
  [join(root, 'apps/tour/dist/main.js'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => tour.kill(signal));
tour.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
