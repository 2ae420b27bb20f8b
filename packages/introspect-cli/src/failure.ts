/** What the command ends with, so that a script can tell. */
export const exitCodes = {
  done: 0,
  /** The question was answered, and the answer is no: the token is inactive, a check found a fault. */
  no: 1,
  /** An option, a variable of the environment or a file must be set right first. */
  usage: 2,
  /** The server could not be asked, or refused. */
  failed: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with one sentence, and if there is one, what to do about it. Neither holds a secret. */
export class Failure extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly advice: string | undefined;

  /** @param code stable, for scripts that read `--json` */
  constructor(exitCode: ExitCode, code: string, message: string, advice?: string) {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.exitCode = exitCode;
    this.advice = advice;
  }
}

/** Something that the user must set right first. */
export function usage(message: string, advice?: string): Failure {
  return new Failure(exitCodes.usage, 'usage', message, advice);
}
