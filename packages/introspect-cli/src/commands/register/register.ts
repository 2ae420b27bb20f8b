import { Option } from 'commander';
import type { Command } from '../../command.js';
import { connectionOf, withCommonFlags } from '../../connection.js';
import { usage } from '../../failure.js';
import { isInteractive } from '../../terminal/system.js';
import { managementApiOf } from '../../zitadel/management-access.js';
import { isSegment } from '../../zitadel/management-client.js';
import type { RegisterFlags } from './register-flags.js';
import { checkFiles, filesOf } from './registration-files.js';
import { readRecord } from './registration-record.js';
import { runRegistration } from './run-registration.js';
import { runUndo } from './run-undo.js';
import type { Role } from './survey.js';

/** `introspect register`: registers an API in ZITADEL, and writes its settings into an env file. */
export const registerCommand: Command<RegisterFlags> = {
  define: (command) =>
    withCommonFlags(command.name('register').description('Register an API in ZITADEL, and write its env file'))
      .option('--project <name>', 'Use the project of this name, or create it. Default: your choice at a prompt')
      .option('--app <name>', 'Use the API of this name in the project, or create it', 'api')
      .option('--role <key>', 'Add a role to the project, as key or key=Display name; can be repeated', roles)
      .addOption(
        new Option(
          '--auth <method>',
          'How a new API authenticates: by a secret ("basic", the default) or by a key',
        ).choices(['basic', 'key']),
      )
      .option(
        '--service-user [name]',
        'Use or create a service user with the roles of --role, to try the API with. Default name: <project>-<app>',
      )
      .option('--org <id>', "Use this organisation instead of the administrator's own")
      .option(
        '--out <path>',
        'Env file to write. A path that ends in .json is the key file: .env is then written beside it',
        '.env',
      )
      .option('--force', 'Overwrite existing files. In an env file, replace only the variables of register')
      .option('--rotate', 'Create new credentials for an existing API or service user')
      .option('--dry-run', 'Print the changes without applying them')
      .option('--undo', 'Remove what register created for the env file of --out. Needs the issuer again'),

  help: {
    variables: { ZITADEL_ADMIN_PAT: "An administrator's personal access token; otherwise from a prompt or stdin" },
    examples: [
      'introspect register --issuer https://my-instance.zitadel.cloud --project shop',
      'introspect register --project shop --role reader --service-user --dry-run',
      'introspect register --undo',
    ],
  },

  async run(flags, context) {
    const { settings, system } = context;
    const files = filesOf(settings.pathOf(flags.out));
    const record = readRecord(files.record);
    if (flags.undo) return runUndo(flags, { ...context, files, record });
    const connection = connectionOf(settings, flags);
    checkName('--project', flags.project);
    checkName('--app', flags.app);
    checkName('--service-user', flags.serviceUser);
    if (flags.project === undefined && !isInteractive(system)) {
      throw usage(
        'The project is missing',
        'Set --project to the name of a project: it is used if it exists, or created.',
      );
    }
    checkFiles(files, {
      method: flags.auth,
      serviceUser: flags.serviceUser !== undefined,
      force: flags.force === true,
      record,
    });
    const api = await managementApiOf(settings, flags, connection);
    return runRegistration(api, { ...context, flags, files, record, connection });
  },
};

function checkName(flag: string, name: string | true | undefined): void {
  if (typeof name === 'string' && name.trim() === '') throw usage(`${flag} must not be empty`);
}

function roles(value: string, others: readonly Role[] = []): Role[] {
  const [, key = '', displayName = key] = /^([^=]*)=?(.+)?$/s.exec(value) ?? [];
  if (!isSegment(key)) throw usage('--role must be a key, or key=Display name; a key is not empty, "." or ".."');
  return [...others.filter((each) => each.key !== key), { key, displayName }];
}
