// npm start: installs, builds, and takes the reader on the tour.
import { pnpm, prepare } from './prepare.mjs';

await prepare();
process.exitCode = pnpm(['--silent', '--filter', 'tour', 'start', ...process.argv.slice(2)]);
