/** The exit codes of the command, for scripts. */
export const exitCodes = {
  done: 0,
  /** The result is negative: the token is inactive, or a check found an error. */
  no: 1,
  /** The user must first correct an option, a variable of the environment or a file. */
  usage: 2,
  /** The server could not be reached, or responded with an error. */
  failed: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with one sentence and, if possible, advice on what to do. Neither contains a secret. */
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

/** Returns the failure for input that the user must correct first. */
export function usage(message: string, advice?: string): Failure {
  return new Failure(exitCodes.usage, 'usage', message, advice);
}
