import { IntrospectionClient } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { checkedOptions } from '../../checked-options.js';
import type { Context } from '../../command.js';
import type { Connection } from '../../connection.js';
import { type ExitCode, exitCodes, Failure, usage } from '../../failure.js';
import { isInteractive } from '../../terminal/system.js';
import { type AuthorizationServer, clientOptions, discover } from '../../zitadel/authorization-server.js';
import { audienceScope, requestToken } from '../../zitadel/client-credentials.js';
import type { AppMethod, ManagementApi } from '../../zitadel/management-api.js';
import { waitUntilAccepted } from './acceptance.js';
import { checkVariables, dryJournal, fileJournal } from './journal.js';
import type { RegisterFlags } from './register-flags.js';
import { chooseProject, confirmed } from './register-prompts.js';
import { plannedText, registeredText } from './register-text.js';
import { registerApi } from './registration.js';
import {
  checkFiles,
  checkFilesWritable,
  containCredentials,
  type RegistrationFiles,
  variablesOf,
} from './registration-files.js';
import { newRecord, type RegistrationRecord } from './registration-record.js';
import { renewalOf } from './renewal.js';
import { type Survey, survey, type Wanted } from './survey.js';

interface Run extends Context {
  flags: RegisterFlags;
  files: RegistrationFiles;
  record: RegistrationRecord | undefined;
  connection: Connection;
}

/** `introspect register`: finds what exists, creates what is missing, and waits until the server accepts the credentials. */
export async function runRegistration(api: ManagementApi, run: Run): Promise<ExitCode> {
  const { flags, output, system, clock, files, record, connection } = run;
  const server = await discover(connection);
  const { issuer } = server;
  // Check for the endpoints that are needed at the end, before anything is created.
  for (const name of ['token_endpoint', 'introspection_endpoint'] as const) server.endpoint(name);
  const wanted = wantedBy(flags, flags.project ?? (await chooseProject(api, system)));
  checkRecord(run, issuer, wanted);
  output.progress(`Finding what exists at ${issuer}`);
  const existing = await survey(api, wanted);
  const method = methodOf(wanted, existing);
  checkFiles(files, { method, serviceUser: wanted.serviceUser !== undefined, force: flags.force === true, record });
  const location = { files, server, method };
  const known = record ?? newRecord(issuer, flags.org);
  checkVariables(location, wanted);
  const renew = await renewalOf(
    { wanted, existing, record },
    {
      rotate: flags.rotate === true,
      confirm: isInteractive(system) && !flags.dryRun ? (message) => confirmed(message, system) : undefined,
      isKnown: {
        app: existing.app !== undefined && containCredentials(files, existing.app.clientId, method),
        serviceUser: containUser(files, record?.serviceUser?.clientId ?? wanted.serviceUser),
      },
    },
  );
  if (flags.dryRun) {
    await registerApi({ api, wanted, existing, renew, clock, journal: dryJournal(known) });
    output.result({ dryRun: true, calls: api.planned }, plannedText(api.planned));
    return exitCodes.done;
  }
  await checkFilesWritable(files);
  const journal = fileJournal(location, known);
  try {
    if (renew.app || renew.serviceUser) await journal.saveRecord({ finished: false }); // until the new credentials are written
    const registered = await registerApi({ api, wanted, existing, renew, clock, journal });
    output.progress('Waiting until the server accepts the credentials');
    await waitForAll(run, server, wanted);
    await journal.saveRecord({ finished: true });
    const inUse = method === 'key' ? [files.env, files.key] : [files.env];
    output.result({ issuer, ...registered, files: inUse }, registeredText(registered, inUse, journal.written));
    return exitCodes.done;
  } catch (error) {
    throw error instanceof Failure && journal.record.project ? interrupted(error) : error;
  }
}

function wantedBy({ app, role, auth, serviceUser }: RegisterFlags, project: string): Wanted {
  const name = [slug(project), slug(app)].filter(Boolean).join('-');
  return { project, app, roles: role ?? [], method: auth, serviceUser: serviceUser === true ? name : serviceUser };
}

/** Returns a name as part of a user name: letters without accents, digits, and single hyphens between them. */
function slug(name: string): string {
  const plain = name.toLowerCase().replaceAll('ß', 'ss').normalize('NFKD').replaceAll(/\p{M}/gu, '');
  return plain.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
}

/** An env file belongs to one registration: a second one would replace its record, which `--undo` needs. */
function checkRecord({ record, files, flags }: Run, issuer: string, { project, app, serviceUser }: Wanted): void {
  if (record === undefined) return;
  const isSame =
    record.issuer === issuer &&
    record.organization === flags.org &&
    (record.project?.name ?? project) === project &&
    (record.app?.name ?? app) === app &&
    (serviceUser === undefined || (record.serviceUser?.name ?? serviceUser) === serviceUser);
  if (isSame) return;
  const other = `${record.app?.name ?? 'an app'} of ${record.project?.name ?? 'a project'} at ${record.issuer}`;
  throw usage(
    `${files.env} belongs to another registration: ${other}`,
    'Set another --out, or undo that registration first with --undo.',
  );
}

function methodOf({ app: name, method }: Wanted, { app }: Survey): AppMethod {
  if (app === undefined) return method ?? 'basic';
  if (app.clientId === '') throw usage(`The app ${name} is not an API app`, 'Set --app to another name.');
  if (app.isInactive) {
    throw usage(
      `The app ${name} is inactive, so the server rejects its credentials`,
      'Activate it in the console, or set --app to another name.',
    );
  }
  if (method !== undefined && method !== app.method) {
    throw usage(
      `The app ${name} authenticates by ${app.method === 'key' ? 'a key' : 'a secret'}`,
      `Use --auth ${app.method}, or set --app to another name.`,
    );
  }
  return app.method;
}

function containUser(files: RegistrationFiles, name: string | undefined): boolean {
  const { ZITADEL_SERVICE_USER, ZITADEL_SERVICE_USER_SECRET } = variablesOf(files);
  return ZITADEL_SERVICE_USER === name && Boolean(ZITADEL_SERVICE_USER_SECRET);
}

/** Uses the credentials from the files, so that a mistake in them is found now. */
async function waitForAll({ files, settings, clock }: Run, server: AuthorizationServer, wanted: Wanted): Promise<void> {
  const {
    ZITADEL_PROJECT_ID: projectId = '',
    ZITADEL_CLIENT_ID: clientId = '',
    ZITADEL_CLIENT_SECRET: clientSecret = '',
    ZITADEL_KEY_FILE: keyFile,
    ZITADEL_SERVICE_USER: name = '',
    ZITADEL_SERVICE_USER_SECRET: secret = '',
  } = variablesOf(files);
  const key = keyFile === undefined ? undefined : settings.readFile(keyFile, 'The key file');
  const client = checkedOptions(() => {
    const credentials =
      key === undefined ? { clientId, clientSecret } : { clientAuthentication: privateKeyJwt({ keyJson: key }) };
    return new IntrospectionClient({ ...clientOptions(server), ...credentials, circuitBreaker: false });
  });
  await waitUntilAccepted(() => client.introspect('introspect-register'), { times: 3, clock });
  if (wanted.serviceUser === undefined) return;
  const scopes = ['openid', audienceScope(projectId)];
  const { headers } = server;
  const token = () => requestToken(server.endpoint('token_endpoint'), { name, secret }, { scopes, headers });
  await waitUntilAccepted(token, { times: 1, clock });
}

/** Adds what to do next. The record contains what was created, so a second run creates nothing twice. */
function interrupted({ exitCode, code, message, advice }: Failure): Failure {
  const next = 'What was created so far is recorded. Run the same command again to finish, or use --undo to remove it.';
  return new Failure(exitCode, code, message, advice === undefined ? next : `${advice}\n${next}`);
}
