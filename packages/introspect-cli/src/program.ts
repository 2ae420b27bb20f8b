import { type InvalidTokenReason, isAuthorizationError, isIntrospectionError } from '@acme/introspect-core';
import { Command, CommanderError } from 'commander';
import { doctorCommand } from './commands/doctor/doctor.js';
import { mintCommand } from './commands/get-token/get-token.js';
import { registerCommand } from './commands/register/register.js';
import { tokenCommand } from './commands/token/token.js';
import type { CommonFlags } from './connection.js';
import { type ExitCode, exitCodes, Failure, usage } from './failure.js';
import { type Output, outputOf } from './terminal/output.js';
import { Settings } from './terminal/settings.js';

/** What a command is given besides its own options. */
export interface Context {
  settings: Settings;
  output: Output;
}

/** A command: what it takes, and what it does. */
export interface CommandOf<Flags extends CommonFlags> {
  define(command: Command): Command;
  run(flags: Flags, context: Context): Promise<ExitCode>;
}

/** Runs one command line, and says how it ended. Whatever goes wrong is written as one sentence, or as JSON. */
export async function run(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.done;
  const program = new Command('introspect')
    .description('Registers an API in ZITADEL, shows what a token is, and says what is wrong when something is.')
    .exitOverride()
    .configureOutput({ writeOut: showHelp, writeErr: () => {} });
  const wantsJson = argv.includes('--json');

  function showHelp(help: string): void {
    outputOf(wantsJson, environment).result({ help }, help.trimEnd().split('\n'));
  }

  function add<Flags extends CommonFlags>({ define, run: runCommand }: CommandOf<Flags>): void {
    const command = define(new Command().copyInheritedSettings(program)).action(async () => {
      const flags = command.opts<Flags>();
      const output = outputOf(flags.json === true, environment);
      exitCode = await runCommand(flags, { settings: new Settings(flags.env, environment), output });
    });
    program.addCommand(command);
  }
  add(tokenCommand);
  add(doctorCommand);
  add(registerCommand);
  add(mintCommand);

  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done;
    return report(failureOf(error), outputOf(wantsJson, environment));
  }
}

function report({ exitCode, code, message, advice }: Failure, output: Output): ExitCode {
  if (output.json) output.result({ error: { code, message, ...(advice && { advice }) } }, []);
  else output.note(message, ...(advice?.split('\n') ?? []));
  return exitCode;
}

function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof CommanderError) return wrongUsage(error);
  if (isIntrospectionError(error)) return new Failure(exitCodes.failed, error.code, error.message);
  if (isAuthorizationError(error) && error.code === 'invalid_token') return badToken(error.reason, error.message);
  return ownFault(error);
}

function badToken(reason: InvalidTokenReason, message: string): Failure {
  const advice =
    reason === 'unsupported_token_type'
      ? 'Some servers do not introspect JWTs: configure the server to issue opaque access tokens for this API, or verify JWTs locally.'
      : undefined;
  return new Failure(exitCodes.failed, reason, message, advice);
}

/** A mistake in this program, and no answer of anybody: where it was made, without the message, which may hold anything. */
function ownFault(error: unknown): Failure {
  const { name = '', stack = '' } = error instanceof Error ? error : {};
  const places = stack.split('\n').filter((line) => /^ +at /.test(line));
  const advice = ['Please report it, with these lines:', ...places].join('\n');
  return new Failure(exitCodes.failed, 'internal_error', `introspect itself failed (${name})`, advice);
}

/** Without what was typed: it may be a secret in the wrong place. */
function wrongUsage({ code, message }: CommanderError): Failure {
  if (code === 'commander.unknownOption') {
    const [, option = ''] = /'(--?[a-z-]+)/i.exec(message) ?? [];
    if (option.startsWith('--env-file')) {
      return usage(
        `There is no option ${option}: Node itself reads that file, and can run code that it names`,
        'Use --env instead.',
      );
    }
    const isSecret = /secret|token|pat|password/i.test(option);
    return usage(
      `There is no option ${option}`,
      isSecret
        ? 'Secrets are not taken from the command line: set them in the environment or in the file of --env, or write them to stdin.'
        : 'introspect --help shows what there is.',
    );
  }
  if (code === 'commander.unknownCommand')
    return usage('There is no such command', 'introspect --help shows what there is.');
  if (code === 'commander.excessArguments') {
    return usage('There are words too many', 'Tokens and other secrets are not taken from the command line.');
  }
  if (code === 'commander.invalidArgument') {
    return usage(message.replace(/^error: (.*) argument '.*' is invalid/s, '$1: its argument is invalid'));
  }
  return usage(message.replace(/^error: /, ''));
}
