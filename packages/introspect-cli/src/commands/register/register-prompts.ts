import { confirm, isCancel, select, text } from '@clack/prompts';
import { exitCodes, Failure } from '../../failure.js';
import { printable } from '../../terminal/output.js';
import type { System } from '../../terminal/system.js';
import type { ManagementApi } from '../../zitadel/management-api.js';

/** Prompts for the name of an existing project, or of a new one. */
export async function chooseProject(api: ManagementApi, { stdin: input, stderr: output }: System): Promise<string> {
  const projects = await api.projects();
  const newProject = '';
  const chosen = completed(
    await select({
      message: 'In which project?',
      options: [
        ...projects.map(({ name }) => ({ value: name, label: printable(name) })),
        { value: newProject, label: 'a new one' },
      ],
      input,
      output,
    }),
  );
  if (chosen !== newProject) return chosen;
  return completed(
    await text({ message: 'Its name', validate: (name) => (name?.trim() ? undefined : 'Enter a name'), input, output }),
  ).trim();
}

/** Prompts for yes or no. */
export async function confirmed(message: string, { stdin: input, stderr: output }: System): Promise<boolean> {
  return completed(await confirm({ message: printable(message), initialValue: false, input, output }));
}

function completed<Input>(input: Input): Exclude<Input, symbol> {
  if (isCancel(input)) throw new Failure(exitCodes.interrupted, 'interrupted', 'Nothing was done');
  return input as Exclude<Input, symbol>;
}
