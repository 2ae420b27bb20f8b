import { type ExitCode, exitCodes, usage } from '../failure.js';
import type { Context } from '../program.js';
import type { RegisterFlags } from '../register.js';
import { managementApiOf } from './management-access.js';
import { plannedText, undoneText } from './register-text.js';
import { type RegistrationFiles, removeFiles } from './registration-files.js';
import type { RegistrationRecord } from './registration-record.js';
import { undo } from './undo.js';

interface UndoContext extends Context {
  files: RegistrationFiles;
  record: RegistrationRecord | undefined;
  headers: Readonly<Record<string, string>>;
}

/** `introspect register --undo`. */
export async function runUndo(
  flags: RegisterFlags,
  { settings, output, files, record, headers }: UndoContext,
): Promise<ExitCode> {
  if (record === undefined) {
    output.result({ removed: [], kept: [] }, `There is nothing to undo: no registration was written to ${files.env}.`);
    return exitCodes.done;
  }
  const { issuer, organization } = record;
  if ((settings.text(flags.issuer, 'ZITADEL_ISSUER') ?? issuer) !== issuer) {
    throw usage(`${files.env} was registered at another issuer: ${issuer}`, 'Give that one as --issuer.');
  }
  const org = flags.org ?? organization;
  const api = await managementApiOf(settings, { ...flags, ...(org !== undefined && { org }) }, { issuer, headers });
  const { removed, kept } = await undo(api, record);
  if (flags.dryRun) {
    output.result({ dryRun: true, calls: api.planned }, plannedText(api.planned, output));
    return exitCodes.done;
  }
  const gone = [...removed, ...(await removeFiles(files, record))];
  output.result({ removed: gone, kept }, undoneText({ removed: gone, kept }, output));
  return exitCodes.done;
}
