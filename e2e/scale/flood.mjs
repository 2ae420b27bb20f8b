// pnpm flood [count]: sends ten million distinct tokens, good and bad, through one authorizer. Shows that its memory stays
// within the bound, and that the cache serves the regular tokens, which are good and in constant use, all the time.
import { Authorizer } from '@acme/introspect-core';

const count = Number(process.argv[2] ?? 10_000_000);
if (!Number.isInteger(count) || count < 1)
  throw new TypeError('The number of tokens is invalid. Use an integer of 1 or more, such as 200000.');
if (globalThis.gc === undefined)
  throw new Error('The memory cannot be measured without gc(). Run node with --expose-gc, as `pnpm flood` does.');

const maxEntries = 10_000;
const regulars = Array.from({ length: 1000 }, (_, index) => `regular-${index}`);
const activeEvery = 100; // one in so many of the other tokens is active
const regularEvery = 5; // so many other requests for one with a regular token
const batch = 50; // so many concurrent requests
const maxAgeSeconds = 3600;

// A response of ZITADEL has about 500 bytes. A Map, a list and a key add to it.
const bytesPerActive = 3072;
const bytesPerInactive = 512;
const slackBytes = 8 * 2 ** 20; // for what V8 itself allocates meanwhile
const boundBytes = maxEntries * (bytesPerActive + bytesPerInactive) + slackBytes;

const introspections = { regular: 0, active: 0, inactive: 0 };

function kindOf(token) {
  if (token.startsWith('regular-')) return 'regular';
  return Number(token.slice('other-'.length)) % activeEvery === 0 ? 'active' : 'inactive';
}

/** Responds like the server, without a network. */
async function transport({ body }) {
  const token = new URLSearchParams(body).get('token');
  const kind = kindOf(token);
  introspections[kind]++;
  const response = kind === 'inactive' ? { active: false } : describe(token);
  return { status: 200, header: () => 'application/json', body: JSON.stringify(response) };
}

function describe(token) {
  return {
    active: true,
    scope: 'openid profile email offline_access urn:zitadel:iam:org:project:id:zitadel:aud',
    client_id: '265123456789012345@api',
    token_type: 'Bearer',
    exp: Math.floor(Date.now() / 1000) + 43_200,
    iat: Math.floor(Date.now() / 1000),
    aud: ['265123456789012345', '265123456789012346'],
    iss: 'https://issuer.example',
    sub: `user of ${token}`,
    jti: `id of ${token}`,
    username: `${token}@example.com`,
    'urn:zitadel:iam:org:project:roles': { admin: { 265123456789012300: 'example.com' } },
  };
}

const authorizer = new Authorizer({
  introspectionEndpoint: 'https://issuer.example/introspect',
  clientId: 'api',
  clientSecret: 'secret',
  transport,
  cache: { maxAgeSeconds, maxEntries },
});
const guard = authorizer.guard();

const outcomes = { served: 0, rejected: 0, wrong: 0 };

async function request(token) {
  const isGood = kindOf(token) !== 'inactive';
  try {
    const { sub } = await guard(`Bearer ${token}`);
    outcomes.served++;
    if (!isGood || sub !== `user of ${token}`) outcomes.wrong++;
  } catch (error) {
    outcomes.rejected++;
    if (isGood || error.reason !== 'inactive') outcomes.wrong++;
  }
}

function memory() {
  globalThis.gc();
  const { heapUsed, rss } = process.memoryUsage();
  return { heapUsed, rss };
}

const print = (text) => process.stdout.write(`${text}\n`);
const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`.padStart(10);

function report(tokens, { heapUsed, rss }) {
  const [shown, seconds] = [tokens.toLocaleString('en'), ((performance.now() - startedAt) / 1000).toFixed(0)];
  print(`${shown.padStart(12)} tokens ${seconds.padStart(5)} s   heap ${mebibytes(heapUsed)}   rss ${mebibytes(rss)}`);
}

const startedAt = performance.now();
await Promise.all(regulars.map(request));
const { heapUsed: heapBefore } = memory();
print(`${count.toLocaleString('en')} distinct tokens, one in ${activeEvery} active; ${regulars.length} regular tokens`);
report(0, memory());

const interval = Math.ceil(count / 10);
let nextReport = interval;
let nextRegular = 0;
let highest = 0;
for (let next = 0; next < count; ) {
  const requests = [];
  for (const end = Math.min(next + batch, count); next < end; next++) {
    requests.push(request(`other-${next}`));
    if (next % regularEvery === 0) requests.push(request(regulars[nextRegular++ % regulars.length]));
  }
  await Promise.all(requests);
  if (next < nextReport) continue;
  nextReport += interval;
  const now = memory();
  highest = Math.max(highest, now.heapUsed - heapBefore);
  report(next, now);
}
await Promise.all(regulars.map(request));

const minutes = (performance.now() - startedAt) / 60_000;
const renewals = regulars.length * Math.floor((minutes * 60) / maxAgeSeconds); // for responses that became too old
const expected = { regular: regulars.length, active: Math.ceil(count / activeEvery) };

print(`
served ${outcomes.served}, rejected ${outcomes.rejected}, wrong ${outcomes.wrong}
introspections of the other tokens: ${introspections.active} active, ${introspections.inactive} inactive
introspections of the regular tokens: ${introspections.regular}, for ${nextRegular + 2 * regulars.length} requests
heap grown by at most ${mebibytes(highest).trim()}; the bound is ${mebibytes(boundBytes).trim()}: ${maxEntries} active responses of at most \
${bytesPerActive} bytes, as many inactive ones of at most ${bytesPerInactive}, and ${mebibytes(slackBytes).trim()} for the engine`);

const broken = [
  outcomes.wrong > 0 && 'a request got the wrong result',
  highest > boundBytes && 'the memory exceeds its bound',
  introspections.regular > expected.regular + renewals && 'a regular token was evicted',
  introspections.active !== expected.active && 'an active token was introspected twice, or never',
].filter(Boolean);
print(broken.length === 0 ? 'All bounds held.' : `Broken: ${broken.join('; ')}.`);
process.exitCode = broken.length === 0 ? 0 : 1;
