import { createRequire } from 'node:module';
import { type InvalidTokenReason, isAuthorizationError, isIntrospectionError } from '@acme/introspect-core';
import { Command as CommanderCommand, CommanderError } from 'commander';
import { systemClock } from './clock.js';
import type { Command } from './command.js';
import { doctorCommand } from './commands/doctor/doctor.js';
import { getTokenCommand } from './commands/get-token/get-token.js';
import { registerCommand } from './commands/register/register.js';
import { tokenCommand } from './commands/token/token.js';
import type { CommonFlags } from './connection.js';
import { type ExitCode, exitCodes, Failure } from './failure.js';
import { helpText } from './help.js';
import { type Output, outputOf } from './terminal/output.js';
import { Settings } from './terminal/settings.js';
import type { System } from './terminal/system.js';
import { wrongUsage } from './usage-errors.js';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/**
 * Runs one command line in the given system and returns its exit code. Writes every error as one sentence, or as JSON
 * with `--json`. Does not end the process.
 */
export async function run(argv: readonly string[], system: System, clock = systemClock): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.done;
  let helpToShow = '';
  const program = new CommanderCommand('introspect')
    .description('Register an API in ZITADEL, introspect a token, and find out why introspection fails.')
    .helpOption('-h, --help', 'Print this help')
    .helpCommand('help [command]', 'Print the help of a command')
    .version(version, '-V, --version', 'Print the version')
    .addHelpText('after', '\nRun introspect <command> --help for the options, environment and examples of a command.')
    .exitOverride()
    .configureOutput({ writeOut: collect, writeErr: () => {}, getOutHelpWidth: () => system.stdout.columns ?? 80 });
  const wantsJson = argv.includes('--json');

  function collect(part: string): void {
    helpToShow += part;
  }
  function showHelp(): ExitCode {
    const text = helpToShow.trimEnd();
    outputOf(wantsJson, system).result(text === version ? { version } : { help: helpToShow }, text.split('\n'));
    return exitCodes.done;
  }

  function add<Flags extends CommonFlags>({ define, help, run: runCommand }: Command<Flags>): void {
    const command = define(new CommanderCommand().copyInheritedSettings(program)).action(async () => {
      const flags = command.opts<Flags>();
      const output = outputOf(flags.json === true, system);
      exitCode = await runCommand(flags, { settings: new Settings(flags.env, system), output, system, clock });
    });
    program.addCommand(command.addHelpText('after', helpText(help)));
  }
  add(tokenCommand);
  add(doctorCommand);
  add(registerCommand);
  add(getTokenCommand);
  const names = [...program.commands.map((command) => command.name()), 'help'];
  const commandOf = ([first = '']: readonly string[]) => names.find((name) => name === first);

  try {
    if (argv.length === 0) {
      program.outputHelp();
      return showHelp();
    }
    // With --help, commander does not look at the name of the command.
    await program.parseAsync(isOption(argv[0]) || commandOf(argv) !== undefined ? argv : argv.slice(0, 1), {
      from: 'user',
    });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return showHelp();
    return report(failureOf(error, commandOf(argv)), outputOf(wantsJson, system));
  }
}

function report({ exitCode, code, message, advice }: Failure, output: Output): ExitCode {
  if (output.json) output.result({ error: { code, message, ...(advice && { advice }) } }, []);
  else output.message(message, ...(advice?.split('\n') ?? []));
  return exitCode;
}

function isOption(word: string | undefined): boolean {
  return word?.startsWith('-') === true;
}

function failureOf(error: unknown, command: string | undefined): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return wrongUsage(error, command);
  if (isIntrospectionError(error)) return new Failure(exitCodes.failed, error.code, error.message);
  if (isAuthorizationError(error) && error.code === 'invalid_token') return badToken(error.reason, error.message);
  return internalError(error);
}

function badToken(reason: InvalidTokenReason, message: string): Failure {
  const advice =
    reason === 'unsupported_token_type'
      ? 'Some servers do not introspect JWTs: configure the server to issue opaque access tokens for this API, or verify JWTs locally.'
      : undefined;
  return new Failure(exitCodes.failed, reason, message, advice);
}

/** A bug in this program. Shows where it is, without the error's message: the message may contain a secret. */
function internalError(error: unknown): Failure {
  const { name = '', stack = '' } = error instanceof Error ? error : {};
  const locations = stack.split('\n').filter((line) => /^ +at /.test(line));
  const advice = ['Please report it, with these lines:', ...locations].join('\n');
  return new Failure(exitCodes.failed, 'internal_error', `introspect itself failed (${name})`, advice);
}
