import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exitCodes, Failure, usage } from '../failure.js';

/** The content of a file; an empty one where there is none. */
export function readIfThere(path: string): string {
  if (!existsSync(path)) return '';
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usage(`${path} cannot be read: ${codeOf(error)}`);
  }
}

/**
 * Puts a file in place at once, readable by its owner alone whatever the mode of an older one; a link stays one.
 *
 * @throws Failure when it cannot be written; the older one is then as it was
 */
export async function writePrivately(path: string, content: string): Promise<void> {
  const target = existsSync(path) ? realpathSync(path) : path;
  const temporary = `${target}.${randomUUID()}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new Failure(exitCodes.failed, 'write_failed', `${path} cannot be written: ${codeOf(error)}`);
  }
}

/**
 * Tries that a file can be put there, and leaves nothing behind.
 *
 * @throws Failure otherwise
 */
export async function checkWritable(path: string): Promise<void> {
  const probe = `${path}.${randomUUID()}`;
  try {
    await (await open(probe, 'wx', 0o600)).close();
    await rm(probe);
  } catch (error) {
    throw usage(`No file can be written in ${dirname(path)} for ${path}: ${codeOf(error)}`, 'Give another --out.');
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
