import type { CommanderError } from 'commander';
import { type Failure, usage } from './failure.js';

/** Without what was typed: it may be a secret in the wrong place. */
export function wrongUsage({ code, message }: CommanderError): Failure {
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
