import { once } from 'node:events';
import { freePort } from 'demo';
import { type LocalIssuer, startLocalIssuer } from 'local-issuer';
import { askDemos, type DemoRequest, type DemoRow, type Demos, startDemos, table } from './demo-table.js';
import { localTour } from './local-tour.js';
import { printStop, styles, type Terminal } from './print-stop.js';
import type { Stop } from './tour.js';
import { type ZitadelSettings, zitadelSettings, zitadelTour } from './zitadel-tour.js';

const terminal: Terminal = {
  colors: process.stdout.isTTY && !process.env.NO_COLOR,
  write: (text) => void process.stdout.write(text),
};
const { bold, dim } = styles(terminal);
const serve = process.argv.includes('--serve');

async function main(): Promise<void> {
  const zitadel = zitadelSettings(process.env);
  await (zitadel === undefined ? tourLocally() : tourZitadel(zitadel));
}

async function tourLocally(): Promise<void> {
  const first = await startLocalIssuer();
  terminal.write(`\n${bold(`A tour of the local issuer, ${first.issuer}`)}\n`);
  terminal.write(dim('It speaks as ZITADEL does. Secrets are shortened; everything ends with the tour.\n'));
  try {
    await show(localTour(first));
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
  const close = async () => void (await Promise.all([demos.close(), local.close()]));
  try {
    const [all, readOnly, revoked] = await mintThree(local);
    const rows = await askAll(demos, [
      { title: 'GET /me without a token', path: '/me' },
      { title: 'GET /me with a token', path: '/me', token: all },
      { title: 'POST /items, a scope missing', method: 'POST', path: '/items', token: readOnly },
      { title: 'GET /admin, the role missing', path: '/admin', token: readOnly },
      { title: 'GET /recent, no login known', path: '/recent', token: all },
      { title: 'GET /me with a revoked token', path: '/me', token: revoked },
    ]);
    if (!serve) {
      await local.close();
      rows.push(...(await askAll(demos, [{ title: 'GET /me while the issuer is down', path: '/me', token: all }])));
    }
    showTable(rows);
    if (serve) {
      terminal.write(
        `\nThree tokens, to paste into your shell:\n\nALL=${all}\nREAD_ONLY=${readOnly}\nREVOKED=${revoked}\n`,
      );
      return await keepRunning(demos, '$ALL', close);
    }
  } finally {
    if (!serve) await close();
  }
  sayGoodbye();
}

async function tourZitadel(zitadel: ZitadelSettings): Promise<void> {
  terminal.write(`\n${bold(`A tour of ${zitadel.issuer}`)}, about the token in ZITADEL_TOKEN\n`);
  await show(zitadelTour(zitadel, `http://127.0.0.1:${await freePort()}/oauth/v2/introspect`));
  const demos = await startDemos(process.env);
  try {
    showTable(
      await askAll(demos, [
        { title: 'GET /me without a token', path: '/me' },
        { title: 'GET /me with your token', path: '/me', token: zitadel.token },
        { title: 'GET /items with your token', path: '/items', token: zitadel.token },
        { title: 'GET /me with garbage', path: '/me', token: 'garbage' },
      ]),
    );
    if (serve) return await keepRunning(demos, '$ZITADEL_TOKEN', () => demos.close());
  } finally {
    if (!serve) await demos.close();
  }
  sayGoodbye();
}

async function show(stops: AsyncGenerator<Stop>): Promise<void> {
  let number = 0;
  for await (const stop of stops) printStop(++number, stop, terminal);
}

async function askAll(demos: Demos, requests: readonly DemoRequest[]): Promise<DemoRow[]> {
  const rows: DemoRow[] = [];
  for (const request of requests) rows.push(await askDemos(demos, request));
  return rows;
}

function showTable(rows: readonly DemoRow[]): void {
  terminal.write(`\n${bold('The same API in three frameworks')}, each protected by one line\n\n${table(rows)}\n`);
  terminal.write(dim('\n   =  the three answered alike: status, challenge and body\n'));
}

async function mintThree(local: LocalIssuer): Promise<[all: string, readOnly: string, revoked: string]> {
  const [, readOnlyUser] = local.configuration.serviceUsers;
  const revoked = await local.mintAccessToken();
  await local.revoke(revoked);
  return [await local.mintAccessToken(), await local.mintAccessToken(readOnlyUser), revoked];
}

async function keepRunning({ byName }: Demos, token: string, close: () => Promise<void>): Promise<void> {
  for (const [name, { origin }] of Object.entries(byName)) {
    terminal.write(
      `\n${name}: ${origin}\n   curl -i ${origin}/me\n   curl -i -H "Authorization: Bearer ${token}" ${origin}/me\n`,
    );
  }
  terminal.write(
    `\nMore routes: /public /optional /items /admin /recent /ready /stats /.well-known/oauth-protected-resource\nCtrl-C ends everything.\n`,
  );
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await close();
}

function sayGoodbye(): void {
  terminal.write(`\n${bold('That was the tour.')} Next: README.md for the API, docs/zitadel.md for your ZITADEL,\n`);
  terminal.write('and `npm start -- --serve` to keep the three demo APIs running and try them yourself.\n');
}

try {
  await main();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
