import type { Output } from '../output.js';
import type { PlannedCall } from './management-api.js';
import type { Registered } from './registration.js';
import type { Undone } from './undo.js';

/** What a dry run would have done, for people. */
export function plannedText(calls: readonly PlannedCall[], { style }: Output): string {
  if (calls.length === 0) return 'There is nothing to do.';
  return calls
    .map(({ method, url, body }) => `${style('bold', method)} ${url}${body ? `\n  ${JSON.stringify(body)}` : ''}`)
    .join('\n');
}

/** What is there after a registration, for people; without secrets. */
export function registeredText(
  { project, roles, app, serviceUser }: Registered,
  files: readonly string[],
  output: Output,
): string {
  const state = (made: boolean) => output.style(made ? 'green' : 'dim', made ? 'made' : 'found');
  const rows: [string, string, string][] = [
    ['project', `${project.name} (${project.id})`, state(project.made)],
    ...roles.map(({ key, made }): [string, string, string] => ['role', key, state(made)]),
    ['API', `${app.name} (client id ${app.clientId})`, `${state(app.made)}, ${credentialsText(app)}`],
  ];
  if (serviceUser) {
    rows.push(['service user', serviceUser.name, `${state(serviceUser.made)}, ${credentialsText(serviceUser)}`]);
  }
  rows.push(...files.map((file): [string, string, string] => ['written', file, 'readable by you alone']));
  const width = Math.max(...rows.map(([, what]) => what.length));
  const lines = rows.map(([kind, what, how]) => `${kind.padEnd(12)}  ${what.padEnd(width)}  ${how}`);
  return [...lines, '', 'The server accepts the credentials.'].join('\n');
}

function credentialsText({ made, credentials }: { made: boolean; credentials: 'new' | 'kept' }): string {
  if (credentials === 'kept') return 'credentials kept';
  return made ? 'credentials made' : 'credentials renewed';
}

export function undoneText({ removed, kept }: Undone, { style }: Output): string {
  const lines = [
    ...removed.map((what) => `${style('green', 'removed')}  ${what}`),
    ...kept.map((what) => `${style('dim', 'kept')}     ${what}`),
  ];
  return lines.length === 0 ? 'There was nothing to remove.' : lines.join('\n');
}
