import type { Command as CommanderCommand } from 'commander';
import type { Clock } from './clock.js';
import type { CommonFlags } from './connection.js';
import type { ExitCode } from './failure.js';
import type { HelpSections } from './help.js';
import type { Output } from './terminal/output.js';
import type { Settings } from './terminal/settings.js';
import type { System } from './terminal/system.js';

/** What a command gets in addition to its own options. */
export interface Context {
  settings: Settings;
  output: Output;
  system: System;
  clock: Clock;
}

/** A command: its options, the rest of its help, and the function that runs it. */
export interface Command<Flags extends CommonFlags> {
  define(command: CommanderCommand): CommanderCommand;
  readonly help: HelpSections;
  run(flags: Flags, context: Context): Promise<ExitCode>;
}
