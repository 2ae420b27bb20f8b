// npm run words: fails if a word that CONTRIBUTING.md rules out is used. `node scripts/words.mjs <path> …` checks only these paths.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const paths = [
  'packages/*/src/*', // with the help texts of the command
  '*.md', // in every folder
  'e2e',
  'scripts',
  '.ci',
];

/** Each with what to write instead. Words of RFCs and of other libraries are better than words of our own. */
const words = [
  [/\bquestions?\b/i, 'introspection request'],
  [/\banswer(s|ed|ing)?\b/i, 'response, respond'],
  [/\bask(s|ed|ing)?\b/i, 'introspect, send, request'],
  [/\bat hand\b|\bat once\b/i, 'cached, synchronous, immediately'],
  [/\blookouts?\b/i, 'hooks'],
  [/\btold\b/i, 'emit, say, return'],
  [/\bkept\b/i, 'cached'],
  [/\bdoubt(s|ed|ful)?\b/i, 'unconfirmed'],
  [/\b(flip|blip)(s|ped)?\b/i, 'recheck, fault'],
  [/\bmarks\b/, 'tombstones'],
  [/\bsecond tier\b/i, 'shared cache'],
  [/(?<!there )\b(is|are) no\b|\bthat (is|are) none\b/i, 'unknown, invalid, not a'],
  [/\bof late\b/i, 'recently'],
  [/\bcannot be had\b|\bcould not be had\b/i, 'cannot be fetched'],
  [/\bleave[^.\n]{0,30} away\b|\bleft away\b/i, 'leave out'],
  [/\bwhoever\b|\bbesides\b/i, 'a caller that, in addition to'],
  [/\bunless given\b/i, '@default'],
  [/\b(go|goes|went) by\b/i, 'uses'],
  [/\breject(s|ed|ing)? (\w+ )?(requests?|calls?|options?|polic(y|ies))\b/i, 'deny a request, end a call, throw'],
  [/\b(is|are) to be \w+(ed|en)\b/i, 'must be, or the active form'],
];

const given = process.argv.slice(2);
const files = execFileSync('git', ['ls-files', ...(given.length > 0 ? given : paths)], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => /\.(ts|mjs|md)$|^\.ci\//.test(file) && file !== 'scripts/words.mjs');
let found = 0;
for (const file of files) {
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    for (const [word, better] of words) {
      const match = word.exec(line);
      if (match === null) continue;
      found++;
      console.error(`${file}:${index + 1}: "${match[0]}" → ${better}`);
    }
  }
}
if (found > 0) {
  console.error(`${found} words that are ruled out`);
  process.exitCode = 1;
}
