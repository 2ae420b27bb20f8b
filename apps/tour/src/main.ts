import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startLocalIssuer } from 'local-issuer';
import { localTour } from './local-tour.js';
import { printStop, styles, type Terminal } from './print-stop.js';
import type { Stop } from './tour.js';
import { zitadelSettings, zitadelTour } from './zitadel-tour.js';

const terminal: Terminal = {
  colors: process.stdout.isTTY && !process.env.NO_COLOR,
  write: (text) => void process.stdout.write(text),
};
const { bold, dim } = styles(terminal);

async function main(): Promise<void> {
  const zitadel = zitadelSettings(process.env);
  if (zitadel !== undefined) {
    terminal.write(`\n${bold(`A tour of ${zitadel.issuer}`)}, about the token in ZITADEL_TOKEN\n`);
    return show(zitadelTour(zitadel, await endpointWhereNothingListens()));
  }
  const local = await startLocalIssuer();
  process.once('SIGINT', () => void local.close().then(() => process.exit(130)));
  terminal.write(`\n${bold(`A tour of the local issuer, ${local.issuer}`)}\n`);
  terminal.write(dim('It speaks as ZITADEL does. Secrets are shortened; everything ends with the tour.\n'));
  try {
    await show(localTour(local));
  } finally {
    await local.close();
  }
}

async function show(stops: AsyncGenerator<Stop>): Promise<void> {
  let number = 0;
  for await (const stop of stops) printStop(++number, stop, terminal);
  terminal.write(
    `\n${bold('That was the tour.')} Next: README.md for the API, docs/register-an-api.md for your ZITADEL.\n`,
  );
}

/** A port that was free a moment ago. */
async function endpointWhereNothingListens(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}/oauth/v2/introspect`;
}

try {
  await main();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
