import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
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

/** Whether there is anything of this name: a link that leads nowhere, too. */
export function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Where links lead to, also to what is not there yet. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return isThere(path) ? targetOf(resolve(realpathSync(dirname(path)), readlinkSync(path))) : path;
  }
}

/**
 * Puts a file in place at once, readable by its owner alone whatever the mode of an older one; a link stays one.
 *
 * @throws Failure when it cannot be written; the older one is then as it was
 */
export async function writePrivately(path: string, content: string): Promise<void> {
  try {
    await replace(targetOf(path), content);
  } catch (error) {
    throw new Failure(exitCodes.failed, 'write_failed', `${path} cannot be written: ${codeOf(error)}`);
  }
}

async function replace(path: string, content: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Tries that a file can be put there, and leaves nothing behind.
 *
 * @throws Failure otherwise
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const probe = `${targetOf(path)}.${randomUUID()}`;
    await (await open(probe, 'wx', 0o600)).close();
    await rm(probe);
  } catch (error) {
    throw usage(`No file can be written in ${dirname(path)} for ${path}: ${codeOf(error)}`, 'Give another --out.');
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
