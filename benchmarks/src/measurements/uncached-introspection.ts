// The cost of an introspection, beside the same HTTP request without a client, and beside other libraries.
import { basicCredentials, IntrospectionClient } from '@acme/introspect-core';
import { undiciTransport } from '@acme/introspect-core/undici';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import tokenIntrospection from 'token-introspection';
import { request } from 'undici';
import { isQuick } from '../quick.js';
import { atLeast, type Report, times } from '../report.js';
import { inRounds, median, medianRatio } from '../rounds.js';
import { opaqueToken } from '../tokens.js';
import { serve, startWorker } from '../worker.js';

const concurrency = 50;
const forMs = isQuick ? 150 : 250;
const rounds = isQuick ? 3 : 33;
const warmUps = isQuick ? 1 : 8;
const timeoutMs = 5000;

type Introspect = (token: string) => Promise<{ active: boolean }>;

interface Sample {
  perSecond: number;
  /** The CPU time of this process, without that of the server. */
  cpuMicroseconds: number;
}

async function report(): Promise<Report> {
  const server = await startWorker('./workers/authorization-server.js');
  const endpoint = await server.get<string>('endpoint');
  const clients = rivals(endpoint);
  for (const [name, introspect] of Object.entries(clients)) {
    const { active } = await introspect(opaqueToken(0));
    if (!active) throw new Error(`${name} did not report the token as active`);
  }
  const samples = await inRounds(measured(clients), { rounds, warmUps });
  server.end();

  type Name = keyof typeof samples;
  const perSecond = (name: Name) => samples[name].map((sample) => sample.perSecond);
  const cpu = (name: Name) => samples[name].map((sample) => sample.cpuMicroseconds);
  const names = Object.keys(samples) as Name[];
  const peers = ['oauth4webapi', 'openid-client', 'token-introspection'] as const;
  const bare = 'undici request, bare';
  const goal = (bound: number, ours: Name, other: Name) =>
    atLeast(
      bound,
      medianRatio(perSecond(ours), perSecond(other)),
      `${ours}: requests/s of ${other}`,
      medianRatio(cpu(other), cpu(ours)),
    );
  return {
    title: `Uncached introspection, ${concurrency} at a time`,
    columns: ['', 'requests/s, of bare undici', 'CPU per request, of bare undici', 'requests/s', 'CPU µs'],
    rows: names.map((name) => [
      name,
      times(medianRatio(perSecond(name), perSecond(bare))),
      times(medianRatio(cpu(name), cpu(bare))),
      median(perSecond(name)).toFixed(0),
      median(cpu(name)).toFixed(0),
    ]),
    goals: [
      goal(1, 'ours, undici', bare),
      ...peers.map((peer) => goal(4, 'ours, undici', peer)),
      goal(0.85, 'ours, ofetch', 'fetch with a deadline'),
      ...peers.map((peer) => goal(1, 'ours, ofetch', peer)),
    ],
  };
}

/** Returns each library as its README shows it, with the same credentials. Each manages its own connections. */
function rivals(endpoint: string) {
  const credentials = { clientId: 'api', clientSecret: 'secret' };
  const headers = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
    authorization: basicCredentials(credentials.clientId, credentials.clientSecret),
  };
  const form = (token: string) => new URLSearchParams({ token, token_type_hint: 'access_token' }).toString();
  const read = (response: unknown) => response as { active: boolean };

  const server = { issuer: new URL(endpoint).origin, introspection_endpoint: endpoint };
  const client = { client_id: credentials.clientId };
  const authentication = oauth.ClientSecretBasic(credentials.clientSecret);
  const insecure = { [oauth.allowInsecureRequests]: true };

  const configuration = new openid.Configuration(
    server,
    credentials.clientId,
    undefined,
    openid.ClientSecretBasic(credentials.clientSecret),
  );
  openid.allowInsecureRequests(configuration);

  const options = { introspectionEndpoint: endpoint, ...credentials, timeoutMs };
  const byOfetch = new IntrospectionClient(options);
  const byUndici = new IntrospectionClient({ ...options, transport: undiciTransport() });

  return {
    'undici request, bare': async (token) => {
      const { body } = await request(endpoint, { method: 'POST', headers, body: form(token) });
      return read(await body.json());
    },
    'fetch, bare': async (token) => {
      const response = await fetch(endpoint, { method: 'POST', headers, body: form(token) });
      return read(await response.json());
    },
    'fetch with a deadline': async (token) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await fetch(endpoint, { method: 'POST', headers, body: form(token), signal });
      return read(await response.json());
    },
    oauth4webapi: async (token) => {
      const response = await oauth.introspectionRequest(server, client, authentication, token, insecure);
      return oauth.processIntrospectionResponse(server, client, response);
    },
    'openid-client': (token) => openid.tokenIntrospection(configuration, token),
    'token-introspection': tokenIntrospection({ endpoint, client_id: 'api', client_secret: credentials.clientSecret }),
    'ours, ofetch': (token) => byOfetch.introspect(token),
    'ours, undici': (token) => byUndici.introspect(token),
  } satisfies Record<string, Introspect>;
}

function measured<Name extends string>(clients: Record<Name, Introspect>): Record<Name, () => Promise<Sample>> {
  const entries = Object.entries<Introspect>(clients).map(([name, introspect]) => [name, () => load(introspect)]);
  return Object.fromEntries(entries);
}

/** Keeps the same number of requests running for a while. */
async function load(introspect: Introspect): Promise<Sample> {
  let requests = 0;
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const repeat = async () => {
    while (performance.now() - startedAt < forMs) await introspect(opaqueToken(requests++));
  };
  await Promise.all(Array.from({ length: concurrency }, repeat));
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  return { perSecond: requests / seconds, cpuMicroseconds: (user + system) / requests };
}

serve({ report });
