import { Option } from 'commander';
import type { Command } from '../../command.js';
import { connectionOf, withCommonFlags } from '../../connection.js';
import { usage } from '../../failure.js';
import { isInteractive } from '../../terminal/settings.js';
import { managementApiOf } from '../../zitadel/management-access.js';
import { isStep } from '../../zitadel/management-api.js';
import type { RegisterFlags } from './register-flags.js';
import { checkFiles, filesOf } from './registration-files.js';
import { readRecord } from './registration-record.js';
import { runRegistration } from './run-registration.js';
import { runUndo } from './run-undo.js';
import type { Role } from './survey.js';

/** `introspect register`: makes an API known to ZITADEL, and writes what it needs into an env file. */
export const registerCommand: Command<RegisterFlags> = {
  define: (command) =>
    withCommonFlags(command.name('register').description('registers an API in ZITADEL, and writes its env file'))
      .option('--project <name>', 'the project, found by this name or made')
      .option('--app <name>', 'the API, found by this name or made', 'api')
      .option('--role <key>', 'a role of the project, key or key=Display name; may be repeated', roles, [])
      .addOption(
        new Option('--auth <method>', 'how a new API proves itself: by a secret, or by a key').choices([
          'basic',
          'key',
        ]),
      )
      .option('--service-user [name]', 'also a service user with these roles, to try the API with')
      .option('--org <id>', "the organisation, in place of the administrator's own")
      .option('--out <path>', 'the env file; a path that ends in .json is the key file, with .env beside it', '.env')
      .option('--force', 'writes to files that are there and not its own: other variables stay')
      .option('--rotate', 'makes new credentials where the API or the service user is there')
      .option('--dry-run', 'looks, and prints the calls that would change something')
      .option('--undo', 'removes what was made for the env file of --out'),

  async run(flags, { settings, output }) {
    const files = filesOf(flags.out);
    const record = readRecord(files.record);
    if (flags.undo) return runUndo(flags, { settings, output, files, record });
    const connection = connectionOf(settings, flags);
    checkName('--project', flags.project);
    checkName('--app', flags.app);
    checkName('--service-user', flags.serviceUser);
    if (flags.project === undefined && !isInteractive()) {
      throw usage('The project is missing', 'Give --project: one of this name is found, or made.');
    }
    checkFiles(files, {
      method: flags.auth,
      serviceUser: flags.serviceUser !== undefined,
      force: flags.force === true,
      record,
    });
    const api = await managementApiOf(settings, flags, connection);
    return runRegistration(api, { flags, output, files, record, connection });
  },
};

function checkName(flag: string, name: string | true | undefined): void {
  if (typeof name === 'string' && name.trim() === '') throw usage(`${flag} wants a name that is not empty`);
}

function roles(value: string, all: readonly Role[]): Role[] {
  const [, key = '', displayName = key] = /^([^=]*)=?(.+)?$/s.exec(value) ?? [];
  if (!isStep(key)) throw usage('--role wants a key, or key=Display name; "." and ".." are none');
  return [...all.filter((each) => each.key !== key), { key, displayName }];
}
