import { parseArgs } from 'node:util';
import { freePort, isForAnyServer } from 'demo';
import { type LocalIssuer, startLocalIssuer } from 'local-issuer';
import { type DemoRequest, type DemoRow, type Demos, requestDemos, startDemos, table } from './demo-table.js';
import { localTour } from './local-tour.js';
import { printStep } from './print-step.js';
import { serveLocally, serveWith } from './serve.js';
import { createTerminal, styles } from './terminal.js';
import type { Step } from './tour.js';
import { type ZitadelSettings, zitadelSettings, zitadelTour } from './zitadel-tour.js';

/** The issuer listens on this port, and the demos on the next four. */
const defaultPort = 4600;
const colors = process.stdout.isTTY && !process.env.NO_COLOR;
const terminal = createTerminal(colors, (text) => void process.stdout.write(text));
const { bold, dim } = styles(terminal);

async function main(): Promise<void> {
  const { serve, port } = readArguments();
  if (serve && isForAnyServer(process.env)) return serveWith(process.env, port, terminal);
  const zitadel = zitadelSettings(process.env);
  for (const secret of zitadel?.secrets ?? []) terminal.hide(secret);
  if (serve) await (zitadel === undefined ? serveLocally(port, terminal) : serveWith(process.env, port, terminal));
  else await (zitadel === undefined ? tourLocally() : tourZitadel(zitadel));
}

/** @throws Error naming an unknown or invalid argument */
function readArguments(): { serve: boolean; port: number } {
  const { values } = parseArgs({ options: { serve: { type: 'boolean', default: false }, port: { type: 'string' } } });
  const port = Number(values.port ?? defaultPort);
  if (!Number.isInteger(port) || port < 0 || port > 65_531 || values.port === '') {
    throw new Error('--port must be a number from 0 to 65531: the first of five ports, or 0 for free ports.');
  }
  return { serve: values.serve, port };
}

async function tourLocally(): Promise<void> {
  const first = await startLocalIssuer();
  terminal.hide(first.configuration.apiApp.clientSecret);
  terminal.write(`\n${bold(`A tour of the local issuer at ${first.issuer}`)}\n`);
  terminal.write(dim('The issuer behaves like ZITADEL, and stops when the tour ends. Tokens are shortened.\n'));
  terminal.write(
    dim('To run the curl commands yourself, start `npm start -- --serve` in another terminal, and paste\n'),
  );
  terminal.write(dim('the variables that it prints.\n'));
  try {
    await show(localTour(first, terminal));
  } finally {
    await first.close();
  }

  const local = await startLocalIssuer();
  const { apiApp, projectId } = local.configuration;
  const demos = await startDemos({
    ZITADEL_ISSUER: local.issuer,
    ZITADEL_CLIENT_ID: apiApp.clientId,
    ZITADEL_CLIENT_SECRET: apiApp.clientSecret,
    ZITADEL_PROJECT_ID: projectId,
  });
  try {
    const [all, readOnly, revoked] = await threeTokens(local);
    const rows = await requestAll(demos, [
      { title: 'GET /me without a token', path: '/me' },
      { title: 'GET /me with a token', path: '/me', token: all },
      { title: 'GET /admin with the role', path: '/admin', token: all },
      { title: 'GET /admin, the role missing', path: '/admin', token: readOnly },
      { title: 'GET /items with the scope', path: '/items', token: readOnly },
      { title: 'POST /items, a scope missing', method: 'POST', path: '/items', token: readOnly },
      { title: 'GET /recent, no login known', path: '/recent', token: all },
      { title: 'GET /me with a revoked token', path: '/me', token: revoked },
    ]);
    await local.close();
    rows.push(...(await requestAll(demos, [{ title: 'GET /me, the issuer is down', path: '/me', token: all }])));
    showTable(rows);
    terminal.write(
      dim('\nThis issuer grants scopes of the API, as many servers do. ZITADEL grants none: use roles.\n'),
    );
  } finally {
    await Promise.all([demos.close(), local.close()]);
  }
  sayGoodbye();
}

async function tourZitadel(zitadel: ZitadelSettings): Promise<void> {
  terminal.write(`\n${bold(`A tour of ${zitadel.issuer}`)}\n`);
  terminal.write(dim('It introspects the token in ZITADEL_TOKEN. Tokens and secrets are shortened.\n'));
  terminal.write(dim('The curl commands work in a shell that has your ZITADEL_* variables, after these lines:\n'));
  terminal.write(`\n${zitadel.shell}\n`);
  await show(zitadelTour(zitadel, `http://127.0.0.1:${await freePort()}/oauth/v2/introspect`));
  const demos = await startDemos(process.env);
  try {
    showTable(
      await requestAll(demos, [
        { title: 'GET /me without a token', path: '/me' },
        { title: 'GET /me with your token', path: '/me', token: zitadel.token },
        { title: 'GET /admin with your token', path: '/admin', token: zitadel.token },
        { title: 'GET /items with your token', path: '/items', token: zitadel.token },
        { title: 'GET /me with garbage', path: '/me', token: 'garbage' },
      ]),
    );
    terminal.write(
      dim('\n/admin needs the role admin. /items needs the scope items:read, which ZITADEL grants to nobody:\n'),
    );
    terminal.write(dim('protect routes with roles there.\n'));
  } finally {
    await demos.close();
  }
  sayGoodbye();
}

async function show(steps: AsyncGenerator<Step>): Promise<void> {
  let number = 0;
  for await (const step of steps) printStep(++number, step, terminal);
}

async function requestAll(demos: Demos, requests: readonly DemoRequest[]): Promise<DemoRow[]> {
  const rows: DemoRow[] = [];
  for (const request of requests) rows.push(await requestDemos(demos, request));
  return rows;
}

function showTable(rows: readonly DemoRow[]): void {
  terminal.write(`\n${bold('The same API in four frameworks')}, each protected by one line\n`);
  terminal.write(dim('The column = says that all responses are equal: status, challenge and body.\n'));
  terminal.write(`\n${table(rows)}\n`);
}

async function threeTokens(local: LocalIssuer): Promise<[all: string, readOnly: string, revoked: string]> {
  const [, readOnlyUser] = local.configuration.serviceUsers;
  const revoked = await local.getAccessToken();
  await local.revoke(revoked);
  return [await local.getAccessToken(), await local.getAccessToken(readOnlyUser), revoked];
}

function sayGoodbye(): void {
  terminal.write(`\n${bold('That was the tour.')} Next: README.md for the API, docs/zitadel.md for your ZITADEL,\n`);
  terminal.write('and `npm start -- --serve` to keep the demo APIs running and try them yourself.\n');
}

try {
  await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  createTerminal(false, (text) => console.error(text)).write(`\n${message}`);
  process.exit(1);
}
