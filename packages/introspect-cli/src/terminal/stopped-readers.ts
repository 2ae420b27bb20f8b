import { exitCodes } from '../failure.js';

/**
 * Whoever reads may stop before the end, as `head` does: that changes nothing of how the command ends. What cannot be
 * written for another reason, such as to a full disk, is said, and the command has failed.
 */
export function outliveStoppedReaders({ stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'>): void {
  for (const stream of [stdout, stderr]) {
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE') return;
      process.exitCode = exitCodes.failed;
      if (stream === stdout) stderr.write(`What was asked for cannot be written (${code})\n`);
    });
  }
}
