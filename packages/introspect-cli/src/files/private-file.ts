import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { exitCodes, Failure, usage } from '../failure.js';

/** Returns the content of a file, or an empty text if it does not exist. */
export function readIfExists(path: string): string {
  if (!existsSync(path)) return '';
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usage(`${path} cannot be read: ${codeOf(error)}`);
  }
}

/** Returns whether anything has this name, also a link whose target does not exist. */
export function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Follows links, also to a file that does not exist yet. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return exists(path) ? targetOf(resolve(realpathSync(dirname(path)), readlinkSync(path))) : path;
  }
}

/**
 * Replaces a file atomically. Only its owner can read the new file, whatever the mode of the old one. A link stays a link.
 *
 * @throws Failure if it cannot be written; the old file is then unchanged
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
 * Checks that a file can be created there, and leaves none behind.
 *
 * @throws Failure otherwise
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const probe = `${targetOf(path)}.${randomUUID()}`;
    await (await open(probe, 'wx', 0o600)).close();
    await rm(probe);
  } catch (error) {
    throw usage(`Cannot create a file in ${dirname(path)} for ${path}: ${codeOf(error)}`, 'Give another --out.');
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}
