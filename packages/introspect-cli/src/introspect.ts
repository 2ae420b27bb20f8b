#!/usr/bin/env -S node --
import { run } from './program.js';
import { outliveStoppedReaders } from './terminal/stopped-readers.js';

outliveStoppedReaders(process);
const exitCode = await run(process.argv.slice(2), process);
process.exitCode ??= exitCode;
process.stdin.destroy(); // so that unread input does not keep the process alive
