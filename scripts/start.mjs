// npm start: installs, builds, and takes the reader on the tour.
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';

prepare('tour');
run('apps/tour/dist/main.js');
