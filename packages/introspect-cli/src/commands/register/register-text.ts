import { type Line, type Styled, styled } from '../../terminal/output.js';
import type { PlannedCall } from '../../zitadel/management-api.js';
import type { Registered } from './registration.js';
import type { Undone } from './undo.js';

interface Row {
  readonly kind: string;
  readonly what: string;
  readonly how: readonly (string | Styled)[];
}

/** What a dry run would have done, for people. */
export function plannedText(calls: readonly PlannedCall[]): Line[] {
  if (calls.length === 0) return ['There is nothing to do.'];
  return calls.flatMap(({ method, url, body }): Line[] => [
    [styled('bold', method), ` ${url}`],
    ...(body ? [`  ${JSON.stringify(body)}`] : []),
  ]);
}

/** What is there after a registration, for people; without secrets. */
export function registeredText(
  { project, roles, app, serviceUser }: Registered,
  files: readonly string[],
  written: ReadonlySet<string>,
): Line[] {
  const rows: Row[] = [
    { kind: 'project', what: `${project.name} (${project.id})`, how: [stateOf(project)] },
    ...roles.map((role) => ({ kind: 'role', what: role.key, how: [stateOf(role)] })),
    { kind: 'API', what: `${app.name} (client id ${app.clientId})`, how: [stateOf(app), credentialsText(app)] },
    ...(serviceUser === undefined
      ? []
      : [{ kind: 'service user', what: serviceUser.name, how: [stateOf(serviceUser), credentialsText(serviceUser)] }]),
    ...files.map((file) =>
      written.has(file)
        ? { kind: 'written', what: file, how: ['readable by you alone'] }
        : { kind: 'unchanged', what: file, how: [] },
    ),
  ];
  const width = Math.max(...rows.map(({ what }) => what.length));
  const lines = rows.map(({ kind, what, how }) => [`${kind.padEnd(12)}  ${what.padEnd(width)}  `, ...how]);
  return [...lines, '', 'The server accepts the credentials.'];
}

function stateOf({ made }: { made: boolean }): Styled {
  return made ? styled('green', 'made') : styled('dim', 'found');
}

function credentialsText({ made, credentials }: { made: boolean; credentials: 'new' | 'kept' }): string {
  if (credentials === 'kept') return ', credentials kept';
  return made ? ', credentials made' : ', credentials renewed';
}

export function undoneText({ removed, kept }: Undone): Line[] {
  const lines = [
    ...removed.map((what): Line => [styled('green', 'removed'), `  ${what}`]),
    ...kept.map((what): Line => [styled('dim', 'kept'), `     ${what}`]),
  ];
  return lines.length === 0 ? ['There was nothing to remove.'] : lines;
}
