import { confirm, isCancel, select, text } from '@clack/prompts';
import { exitCodes, Failure } from '../../failure.js';
import { printable } from '../../terminal/output.js';
import type { ManagementApi } from '../../zitadel/management-api.js';

const output = process.stderr;

/** The name of a project that is there, or of a new one. */
export async function chooseProject(api: ManagementApi): Promise<string> {
  const projects = await api.projects();
  const aNewOne = '';
  const chosen = answered(
    await select({
      message: 'In which project?',
      options: [
        ...projects.map(({ name }) => ({ value: name, label: printable(name) })),
        { value: aNewOne, label: 'a new one' },
      ],
      output,
    }),
  );
  if (chosen !== aNewOne) return chosen;
  return answered(
    await text({ message: 'Its name', validate: (name) => (name?.trim() ? undefined : 'It needs one'), output }),
  ).trim();
}

export async function confirmed(question: string): Promise<boolean> {
  return answered(await confirm({ message: printable(question), initialValue: false, output }));
}

function answered<Answer>(answer: Answer): Exclude<Answer, symbol> {
  if (isCancel(answer)) throw new Failure(exitCodes.interrupted, 'interrupted', 'Nothing was done');
  return answer as Exclude<Answer, symbol>;
}
