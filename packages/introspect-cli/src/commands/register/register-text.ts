import { type Line, type Styled, styled } from '../../terminal/output.js';
import type { PlannedCall } from '../../zitadel/management-client.js';
import type { Registered } from './registration.js';
import type { Undone } from './undo.js';

interface Row {
  readonly kind: string;
  readonly name: string;
  readonly state: readonly (string | Styled)[];
}

/** Returns the calls that a dry run did not send, for people. */
export function plannedText(calls: readonly PlannedCall[]): Line[] {
  if (calls.length === 0) return ['There is nothing to do.'];
  return calls.flatMap(({ method, url, body }): Line[] => [
    [styled('bold', method), ` ${url}`],
    ...(body ? [`  ${JSON.stringify(body)}`] : []),
  ]);
}

/** Returns the result of a registration for people, without secrets. */
export function registeredText(
  { project, roles, app, serviceUser }: Registered,
  files: readonly string[],
  written: ReadonlySet<string>,
): Line[] {
  const rows: Row[] = [
    { kind: 'project', name: `${project.name} (${project.id})`, state: [stateOf(project)] },
    ...roles.map((role) => ({ kind: 'role', name: role.key, state: [stateOf(role)] })),
    { kind: 'API', name: `${app.name} (client id ${app.clientId})`, state: [stateOf(app), credentialsText(app)] },
    ...(serviceUser === undefined
      ? []
      : [
          { kind: 'service user', name: serviceUser.name, state: [stateOf(serviceUser), credentialsText(serviceUser)] },
        ]),
    ...files.map((file) =>
      written.has(file)
        ? { kind: 'written', name: file, state: ['only you can read it'] }
        : { kind: 'unchanged', name: file, state: [] },
    ),
  ];
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map(({ kind, name, state }) => [`${kind.padEnd(12)}  ${name.padEnd(width)}  `, ...state]);
  return [...lines, '', 'The server accepts the credentials.'];
}

function stateOf({ made }: { made: boolean }): Styled {
  return made ? styled('green', 'created') : styled('dim', 'found');
}

function credentialsText({ made, credentials }: { made: boolean; credentials: 'new' | 'unchanged' }): string {
  if (credentials !== 'new') return ', credentials unchanged';
  return made ? ', credentials created' : ', credentials renewed';
}

export function undoneText({ removed, remaining }: Undone): Line[] {
  const lines = [
    ...removed.map((what): Line => [styled('green', 'removed'), `      ${what}`]),
    ...remaining.map((what): Line => [styled('dim', 'not removed'), `  ${what}`]),
  ];
  return lines.length === 0 ? ['There was nothing to remove.'] : lines;
}
