import type { Readable, Writable } from 'node:stream';

interface TerminalInput {
  readonly isTTY?: boolean;
}

interface TerminalOutput {
  readonly isTTY?: boolean;
  /** The width of the terminal. */
  readonly columns?: number;
}

/** The parts of a process that a command uses. A test passes its own. */
export interface System {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable & TerminalInput;
  readonly stdout: Writable & TerminalOutput;
  readonly stderr: Writable & TerminalOutput;
  cwd(): string;
}

/** Returns whether a person can be prompted. Prompts are shown on stderr, so stdout may be redirected. */
export function isInteractive({ stdin, stderr }: System): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}
