import { exitCodes } from '../failure.js';

/**
 * Ignores a reader that closes the pipe before the end, as `head` does: the exit code stays the same. If output cannot
 * be written for another reason, such as a full disk, reports it and sets the exit code to "failed".
 */
export function outliveStoppedReaders({ stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'>): void {
  for (const stream of [stdout, stderr]) {
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE') return;
      process.exitCode = exitCodes.failed;
      if (stream === stdout) stderr.write(`The result cannot be written (${code})\n`);
    });
  }
}
