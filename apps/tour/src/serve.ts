import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { demoRoutes, isForAnyServer } from 'demo';
import { basicCredentials, type LocalIssuer, startLocalIssuer } from 'local-issuer';
import { doubleQuoted, singleQuoted } from './curl.js';
import { aligned, type Demos, startDemos } from './demo-table.js';
import { styles, type Terminal } from './terminal.js';

/** A request that the reader can send to a demo, and the status of its response. */
interface Example {
  status: number;
  title: string;
  options: readonly string[];
  path: string;
}

/** Runs the local issuer and the demos until Ctrl-C. The reader can stop and start the issuer. */
export async function serveLocally(firstPort: number, terminal: Terminal): Promise<void> {
  const [issuerPort, ...demoPorts] = await portsFrom(firstPort);
  const local = await startLocalIssuer({ port: issuerPort ?? 0 });
  const { apiApp, projectId } = local.configuration;
  const variables = {
    ZITADEL_ISSUER: local.issuer,
    ZITADEL_CLIENT_ID: apiApp.clientId,
    ZITADEL_CLIENT_SECRET: apiApp.clientSecret,
    ZITADEL_PROJECT_ID: projectId,
  };
  const demos = await startDemos(variables, demoPorts);
  const { bold } = styles(terminal);
  terminal.write(`\n${bold('The local issuer and the same API in four frameworks are running.')}\n\n`);
  terminal.write(`Issuer: ${local.issuer}\n`);
  showDemos(demos, terminal);
  terminal.write(`\n${bold('Paste these variables into another terminal.')} An API of yours can use them too.\n`);
  terminal.write(`The curl commands that \`npm start\` prints work with them.\n\n`);
  for (const [name, value] of Object.entries(variables)) terminal.write(`export ${name}=${singleQuoted(value)}\n`);
  terminal.write(`${await tokensInShell(local)}\n`);
  showExamples(
    demos,
    [
      { status: 401, title: 'no token', options: [], path: '/me' },
      { status: 200, title: 'a token with all scopes and roles', options: [bearer('$ALL')], path: '/me' },
      { status: 200, title: 'the role is granted', options: [bearer('$ALL')], path: '/admin' },
      { status: 403, title: 'the role is missing', options: [bearer('$READ_ONLY')], path: '/admin' },
      { status: 200, title: 'the scope is granted', options: [bearer('$READ_ONLY')], path: '/items' },
      { status: 403, title: 'a scope is missing', options: ['-X POST', bearer('$READ_ONLY')], path: '/items' },
      { status: 401, title: 'a revoked token', options: [bearer('$REVOKED')], path: '/me' },
    ],
    terminal,
  );
  terminal.write('\nThis issuer grants scopes of the API, as many servers do. ZITADEL grants none: use roles.\n');
  terminal.write(
    `\n${bold('Type stop and press Enter')} to stop the issuer. A valid token then gets 503, never 401.\n`,
  );
  terminal.write('Type start and press Enter to start it again. Its tokens stay valid.\n');
  const controls = issuerControls(local, terminal);
  await untilStopped(terminal);
  controls.close();
  await Promise.all([demos.close(), local.close()]);
}

/** Runs the demos with the reader's own server until Ctrl-C. */
export async function serveWith(environment: NodeJS.ProcessEnv, firstPort: number, terminal: Terminal): Promise<void> {
  const [, ...demoPorts] = await portsFrom(firstPort);
  const demos = await startDemos(environment, demoPorts);
  const token = isForAnyServer(environment) ? '$TOKEN' : '$ZITADEL_TOKEN';
  const { bold } = styles(terminal);
  terminal.write(`\n${bold('The same API in four frameworks is running.')} It introspects at your server.\n\n`);
  showDemos(demos, terminal);
  showExamples(
    demos,
    [
      { status: 401, title: 'no token', options: [], path: '/me' },
      { status: 200, title: 'your token, if it is active', options: [bearer(token)], path: '/me' },
    ],
    terminal,
  );
  await untilStopped(terminal);
  await demos.close();
}

function showDemos({ byName }: Demos, terminal: Terminal): void {
  const { bold } = styles(terminal);
  for (const [name, { origin }] of Object.entries(byName)) terminal.write(`${name}: ${origin}\n`);
  terminal.write(`\n${bold('Each API has these routes. A request needs:')}\n\n`);
  terminal.write(`${aligned(demoRoutes.map(({ method, path, needs }) => [method, path, needs]))}\n`);
}

function showExamples({ byName }: Demos, examples: readonly Example[], terminal: Terminal): void {
  const [name, demo] = Object.entries(byName)[0] ?? [];
  terminal.write(`\nSend these requests to ${name}, and then to the other two: their responses are equal.\n`);
  for (const { status, title, options, path } of examples) {
    const command = ['curl -i', ...options, `${demo?.origin}${path}`].join(' ');
    terminal.write(`\n   ${status}, ${title}:\n   ${command}\n`);
  }
}

const bearer = (token: string) => `-H ${doubleQuoted(`Authorization: Bearer ${token}`)}`;

/** Returns lines for a shell that set tokens, and what the curl commands of the tour use. */
async function tokensInShell(local: LocalIssuer): Promise<string> {
  const { apiApp, serviceUsers } = local.configuration;
  const [user, readOnlyUser] = serviceUsers;
  const revoked = await local.getAccessToken();
  await local.revoke(revoked);
  const scopes = local.scopesOf();
  const half = Math.ceil(scopes.length / 2);
  return [
    `ALL=${await local.getAccessToken()}`,
    `READ_ONLY=${await local.getAccessToken(readOnlyUser)}`,
    `REVOKED=${revoked}`,
    `export ZITADEL_TOKEN=${await local.getAccessToken()}`,
    'TOKEN=$ZITADEL_TOKEN',
    `API=${singleQuoted(basicCredentials(apiApp.clientId, apiApp.clientSecret))}`,
    `SERVICE=${singleQuoted(basicCredentials(user.username, user.clientSecret))}`,
    `SCOPE=${singleQuoted(scopes.slice(0, half).join(' '))}`,
    `SCOPE="$SCOPE ${scopes.slice(half).join(' ')}"`,
  ].join('\n');
}

/** Reads `stop` and `start` from stdin, which need not be a terminal. */
function issuerControls(local: LocalIssuer, terminal: Terminal): { close(): void } {
  let isOpen = true;
  const obey = async (command: string) => {
    if (command === 'stop' && isOpen) {
      await local.close();
      isOpen = false;
      terminal.write('The issuer is stopped. Send the requests again, then type start.\n');
    } else if (command === 'start' && !isOpen) {
      await local.reopen();
      isOpen = true;
      terminal.write(`The issuer is running again at ${local.issuer}.\n`);
    } else if (command !== '') {
      terminal.write(
        `Type ${isOpen ? 'stop' : 'start'} and press Enter: the issuer is ${isOpen ? 'running' : 'stopped'}.\n`,
      );
    }
  };
  let previous = Promise.resolve();
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    previous = previous
      .then(() => obey(line.trim().toLowerCase()))
      .catch((error: Error) => terminal.write(`This failed: ${error.message}\n`));
  });
  return lines;
}

async function untilStopped(terminal: Terminal): Promise<void> {
  // Ctrl-C may reach this process twice: from the terminal, and from the program that started it.
  const stopped = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, resolve);
  });
  terminal.write('\nCtrl-C ends everything.\n');
  await stopped;
}

/**
 * Returns five ports, in sequence. If `first` is 0, each is 0, which means a free port.
 *
 * @throws Error naming the ports that other programs use
 */
async function portsFrom(first: number): Promise<number[]> {
  if (first === 0) return [0, 0, 0, 0];
  const ports = [first, first + 1, first + 2, first + 3, first + 4];
  const taken: number[] = [];
  for (const port of ports) if (!(await isFree(port))) taken.push(port);
  if (taken.length === 0) return ports;
  throw new Error(
    `Another program uses port ${taken.join(' and ')}. Stop it, or choose the first of five other ports, ` +
      `for example: npm start -- --serve --port ${first + 100}`,
  );
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
