import type { CommanderError } from 'commander';
import { type Failure, usage } from './failure.js';

const helpAdvice = 'Run introspect --help to see all commands and options.';

/**
 * Returns the error for a command line that commander rejects.
 *
 * @param command the command whose options were read, if its name is known
 *
 * Shows a word that was typed only if it resembles a known one: otherwise it may be a secret in the wrong place.
 */
export function wrongUsage({ code, message }: CommanderError, command?: string): Failure {
  const optionAdvice = command === undefined ? helpAdvice : `Run introspect ${command} --help to see its options.`;
  if (code === 'commander.unknownOption') return unknownOption(message, optionAdvice);
  if (code === 'commander.unknownCommand') return unknownCommand(message);
  if (code === 'commander.excessArguments') {
    return usage('too many arguments', 'Tokens and other secrets are not taken from the command line.');
  }
  if (code === 'commander.invalidArgument') {
    return usage(
      message.replace(
        /^error: option '(?:-\w, )?(--[\w-]+).*' argument '.*' is invalid/s,
        'the value of $1 is invalid',
      ),
      optionAdvice,
    );
  }
  return usage(message.replace(/^error: /, ''));
}

function unknownOption(message: string, optionAdvice: string): Failure {
  const [, option = ''] = /'(--?[a-z-]+)/i.exec(message) ?? [];
  const similar = similarTo(message);
  if (option.startsWith('--env-file')) {
    return usage(
      `unknown option ${option}: Node itself reads that file, and can run code that it names`,
      'Use --env instead.',
    );
  }
  const isSecret = /secret|token|pat|password/i.test(option);
  return usage(
    isSecret || similar === undefined
      ? `unknown option ${option}`
      : `unknown option ${option}; did you mean ${similar}?`,
    isSecret
      ? 'Secrets are not taken from the command line: set them in the environment or in the file of --env, or write them to stdin.'
      : optionAdvice,
  );
}

function unknownCommand(message: string): Failure {
  const [, typed] = /'(.*)'\n/.exec(message) ?? [];
  const similar = similarTo(message);
  return usage(
    similar === undefined ? 'unknown command' : `unknown command ${typed}; did you mean ${similar}?`,
    helpAdvice,
  );
}

/** Returns the known names that resemble the typed one, as commander appends them to its message. */
function similarTo(message: string): string | undefined {
  const [, names] = /\n\(Did you mean (?:one of )?(.+)\?\)$/.exec(message) ?? [];
  return names?.replace(/, ([^,]+)$/, ' or $1');
}
