import type { Context } from '../../command.js';
import { connectionOf } from '../../connection.js';
import { type ExitCode, exitCodes, usage } from '../../failure.js';
import { discover } from '../../zitadel/authorization-server.js';
import { managementApiOf } from '../../zitadel/management-access.js';
import type { RegisterFlags } from './register-flags.js';
import { plannedText, undoneText } from './register-text.js';
import { type RegistrationFiles, removeFiles } from './registration-files.js';
import type { RegistrationRecord } from './registration-record.js';
import { undo } from './undo.js';

interface UndoContext extends Context {
  files: RegistrationFiles;
  record: RegistrationRecord | undefined;
}

/** `introspect register --undo`. */
export async function runUndo(
  flags: RegisterFlags,
  { settings, output, files, record }: UndoContext,
): Promise<ExitCode> {
  if (record === undefined) {
    output.result({ removed: [], remaining: [] }, [
      `There is nothing to undo: ${files.env} has no record of a registration.`,
    ]);
    return exitCodes.done;
  }
  const connection = connectionOf(settings, flags); // no file may decide where the personal access token is sent
  const { issuer } = connection.instanceHost === undefined ? connection : await discover(connection);
  if (record.issuer !== issuer) {
    throw usage(`${files.env} was registered at another issuer: ${record.issuer}`, 'Set --issuer to that one.');
  }
  const org = flags.org ?? record.organization;
  const api = await managementApiOf(settings, { ...flags, ...(org !== undefined && { org }) }, connection);
  const { removed, remaining } = await undo(api, record);
  if (flags.dryRun) {
    output.result({ dryRun: true, calls: api.planned }, plannedText(api.planned));
    return exitCodes.done;
  }
  const ofFiles = await removeFiles(files, record);
  const undone = { removed: [...removed, ...ofFiles.removed], remaining: [...remaining, ...ofFiles.remaining] };
  output.result({ removed: undone.removed, remaining: undone.remaining }, undoneText(undone));
  return exitCodes.done;
}
