import type { TokenExplanation } from './explanation.js';

/** Each damage to a token that can be recognised by its characters. */
const damages: readonly [pattern: RegExp, message: string, advice: string][] = [
  [/^bearer\s/i, 'It begins with the word Bearer.', 'Remove that word.'],
  [/^\s|\s$/, 'There is white space before or after it, such as a line break.', 'Cut that off.'],
  [/^["']|["']$/, 'There are quotes around it.', 'Remove them.'],
  [
    /^(?![A-Za-z0-9\-._~+/]+=*$)/,
    'There are characters in it that no bearer token has (RFC 6750 §2.1).',
    'Look at how it was copied or decoded.',
  ],
  [/^eyJ[^.]*(\.[^.]*)?$/, 'It begins like a JWT, and parts of it are missing.', 'Look at where it was cut off.'],
];

/** Explains how a token was damaged on its way to this API, or returns `undefined` if it looks whole. */
export function explainShape(token: string): TokenExplanation | undefined {
  const damage = damages.find(([pattern]) => pattern.test(token));
  return damage && { cause: 'malformed', message: damage[1], advice: damage[2] };
}
