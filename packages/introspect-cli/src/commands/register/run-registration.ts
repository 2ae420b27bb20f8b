import { IntrospectionClient } from '@acme/introspect-core';
import { privateKeyJwt } from '@acme/introspect-core/private-key-jwt';
import { checkedOptions } from '../../checked-options.js';
import type { Connection } from '../../connection.js';
import { type ExitCode, exitCodes, Failure, usage } from '../../failure.js';
import type { Output } from '../../terminal/output.js';
import { isInteractive, readFileOf } from '../../terminal/settings.js';
import { type AuthorizationServer, clientOptions, discover } from '../../zitadel/authorization-server.js';
import { audienceScope, requestToken } from '../../zitadel/client-credentials.js';
import type { AppMethod, ManagementApi } from '../../zitadel/management-api.js';
import { waitUntilAccepted } from './acceptance.js';
import { checkVariables, keeps, keepsNothing } from './journal.js';
import type { RegisterFlags } from './register-flags.js';
import { chooseProject, confirmed } from './register-prompts.js';
import { plannedText, registeredText } from './register-text.js';
import { registerApi } from './registration.js';
import {
  checkFiles,
  checkFilesWritable,
  holdsCredentials,
  type RegistrationFiles,
  variablesOf,
} from './registration-files.js';
import { newRecord, type RegistrationRecord } from './registration-record.js';
import { renewalOf } from './renewal.js';
import { type Survey, survey, type Wanted } from './survey.js';

interface Run {
  flags: RegisterFlags;
  output: Output;
  files: RegistrationFiles;
  record: RegistrationRecord | undefined;
  connection: Connection;
}

/** `introspect register`: looks, decides, makes what is missing, and waits until it is good. */
export async function runRegistration(api: ManagementApi, run: Run): Promise<ExitCode> {
  const { flags, output, files, record, connection } = run;
  const server = await discover(connection);
  const { issuer } = server;
  // Check for the endpoints that are needed at the end, before anything is created.
  for (const name of ['token_endpoint', 'introspection_endpoint'] as const) server.endpoint(name);
  const wanted = wantedBy(flags, flags.project ?? (await chooseProject(api)));
  checkRecord(run, issuer, wanted);
  output.progress(`Looking around at ${issuer}`);
  const there = await survey(api, wanted);
  const method = methodOf(wanted, there);
  checkFiles(files, { method, serviceUser: wanted.serviceUser !== undefined, force: flags.force === true, record });
  const place = { files, server, method };
  const known = record ?? newRecord(issuer, flags.org);
  checkVariables(place, wanted);
  const renew = await renewalOf(
    { wanted, there, record },
    {
      rotate: flags.rotate === true,
      confirm: isInteractive() && !flags.dryRun ? confirmed : undefined,
      isKnown: {
        app: there.app !== undefined && holdsCredentials(files, there.app.clientId, method),
        serviceUser: holdsUser(files, record?.serviceUser?.clientId ?? wanted.serviceUser),
      },
    },
  );
  if (flags.dryRun) {
    await registerApi({ api, wanted, there, renew, keeping: keepsNothing(known) });
    output.result({ dryRun: true, calls: api.planned }, plannedText(api.planned));
    return exitCodes.done;
  }
  await checkFilesWritable(files);
  const keeping = keeps(place, known);
  try {
    if (renew.app || renew.serviceUser) await keeping.note({ finished: false }); // until the new ones are written
    const registered = await registerApi({ api, wanted, there, renew, keeping });
    output.progress('Waiting until the server accepts the credentials');
    await waitForAll(files, server, wanted);
    await keeping.note({ finished: true });
    const inUse = method === 'key' ? [files.env, files.key] : [files.env];
    output.result({ issuer, ...registered, files: inUse }, registeredText(registered, inUse, keeping.written));
    return exitCodes.done;
  } catch (error) {
    throw error instanceof Failure && keeping.record.project ? interrupted(error) : error;
  }
}

function wantedBy({ app, role, auth, serviceUser }: RegisterFlags, project: string): Wanted {
  const name = `${slug(project)}-${slug(app)}`;
  return { project, app, roles: role, method: auth, serviceUser: serviceUser === true ? name : serviceUser };
}

/** As a user name has it. */
function slug(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

/** One env file is one registration: another one would take its record, and with it the way back. */
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
    'Give another --out, or --undo that one first.',
  );
}

function methodOf({ app: name, method }: Wanted, { app }: Survey): AppMethod {
  if (app === undefined) return method ?? 'basic';
  if (app.clientId === '') throw usage(`There is an app ${name} that is no API`, 'Give another name as --app.');
  if (method !== undefined && method !== app.method) {
    throw usage(
      `The app ${name} proves itself by ${app.method === 'key' ? 'a key' : 'a secret'}`,
      `Give --auth ${app.method}, or another name as --app.`,
    );
  }
  return app.method;
}

function holdsUser(files: RegistrationFiles, name: string | undefined): boolean {
  const { ZITADEL_SERVICE_USER, ZITADEL_SERVICE_USER_SECRET } = variablesOf(files);
  return ZITADEL_SERVICE_USER === name && Boolean(ZITADEL_SERVICE_USER_SECRET);
}

/** Goes by what was written: so it is read once before it is needed. */
async function waitForAll(files: RegistrationFiles, server: AuthorizationServer, wanted: Wanted): Promise<void> {
  const {
    ZITADEL_PROJECT_ID: projectId = '',
    ZITADEL_CLIENT_ID: clientId = '',
    ZITADEL_CLIENT_SECRET: clientSecret = '',
    ZITADEL_KEY_FILE: keyFile,
    ZITADEL_SERVICE_USER: name = '',
    ZITADEL_SERVICE_USER_SECRET: secret = '',
  } = variablesOf(files);
  const key = keyFile === undefined ? undefined : readFileOf(keyFile, 'The key file');
  const client = checkedOptions(() => {
    const credentials =
      key === undefined ? { clientId, clientSecret } : { clientAuthentication: privateKeyJwt({ keyJson: key }) };
    return new IntrospectionClient({ ...clientOptions(server), ...credentials, circuitBreaker: false });
  });
  await waitUntilAccepted(() => client.introspect('introspect-register'), { times: 3 });
  if (wanted.serviceUser === undefined) return;
  const scopes = ['openid', audienceScope(projectId)];
  const { headers } = server;
  const token = () => requestToken(server.endpoint('token_endpoint'), { name, secret }, { scopes, headers });
  await waitUntilAccepted(token, { times: 1 });
}

/** What was made is noted: nothing of it is lost, and nothing will be made twice. */
function interrupted({ exitCode, code, message, advice }: Failure): Failure {
  const next = 'What was made so far is noted: the same command finishes it, and with --undo removes it.';
  return new Failure(exitCode, code, message, advice === undefined ? next : `${advice}\n${next}`);
}
