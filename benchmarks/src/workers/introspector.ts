// One library that introspects tokens at a server, in its own process.
import { basicCredentials, IntrospectionClient } from '@acme/introspect-core';
import { nodeTransport } from '@acme/introspect-core/adapter';
import { undiciTransport } from '@acme/introspect-core/undici';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import tokenIntrospection from 'token-introspection';
import { Agent, request } from 'undici';
import { median } from '../rounds.js';
import { opaqueToken } from '../tokens.js';
import { serve } from '../worker.js';

type Introspect = (token: string) => Promise<{ active: boolean }>;

/** What one process measured. */
export interface Sample {
  perSecond: number;
  /** The CPU time of this process, without that of the server. */
  cpuMicroseconds: number;
}

const [, , name = '', endpoint = '', concurrency = '', warmUpMs = '', forMs = '', repeats = ''] = process.argv;
const timeoutMs = 5000;
const credentials = { clientId: 'api', clientSecret: 'secret' };
const headers = {
  accept: 'application/json',
  'content-type': 'application/x-www-form-urlencoded',
  authorization: basicCredentials(credentials.clientId, credentials.clientSecret),
};
const form = (token: string) => new URLSearchParams({ token, token_type_hint: 'access_token' }).toString();
const read = (response: unknown) => response as { active: boolean };
const options = { introspectionEndpoint: endpoint, ...credentials, timeoutMs };

/** Each library as its README shows it, with the same credentials. Each manages its own connections. */
const libraries: Record<string, () => Introspect> = {
  'undici request, bare': () => async (token) => {
    const { body } = await request(endpoint, { method: 'POST', headers, body: form(token) });
    return read(await body.json());
  },
  'fetch, bare': () => async (token) => {
    const response = await fetch(endpoint, { method: 'POST', headers, body: form(token) });
    return read(await response.json());
  },
  'fetch with a deadline': () => async (token) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(endpoint, { method: 'POST', headers, body: form(token), signal });
    return read(await response.json());
  },
  oauth4webapi: () => {
    const server = { issuer: new URL(endpoint).origin, introspection_endpoint: endpoint };
    const client = { client_id: credentials.clientId };
    const authentication = oauth.ClientSecretBasic(credentials.clientSecret);
    const insecure = { [oauth.allowInsecureRequests]: true };
    return async (token) => {
      const response = await oauth.introspectionRequest(server, client, authentication, token, insecure);
      return oauth.processIntrospectionResponse(server, client, response);
    };
  },
  'openid-client': () => {
    const server = { issuer: new URL(endpoint).origin, introspection_endpoint: endpoint };
    const { clientId, clientSecret } = credentials;
    const configuration = new openid.Configuration(server, clientId, undefined, openid.ClientSecretBasic(clientSecret));
    openid.allowInsecureRequests(configuration);
    return (token) => openid.tokenIntrospection(configuration, token);
  },
  'token-introspection': () =>
    tokenIntrospection({ endpoint, client_id: credentials.clientId, client_secret: credentials.clientSecret }),
  'ours, ofetch': () => introspectBy(new IntrospectionClient(options)),
  'ours, undici': () => introspectBy(new IntrospectionClient({ ...options, transport: undiciTransport() })),
  "ours, undici's Agent": () => {
    const transport = undiciTransport({ dispatcher: new Agent({ connections: 128 }) });
    return introspectBy(new IntrospectionClient({ ...options, transport }));
  },
  'ours, default of a Node adapter': () => {
    const transport = nodeTransport(() => import('@acme/introspect-core/undici'));
    return introspectBy(new IntrospectionClient({ ...options, transport }));
  },
};

function introspectBy(client: IntrospectionClient): Introspect {
  return (token) => client.introspect(token);
}

serve({
  sample: async (): Promise<Sample> => {
    const introspect = libraries[name]?.();
    if (introspect === undefined) throw new TypeError(`unknown library: ${name}`);
    const { active } = await introspect(opaqueToken(0));
    if (!active) throw new Error(`${name} did not report the token as active`);
    await load(introspect, Number(warmUpMs));
    const samples: Sample[] = [];
    for (let repeat = 0; repeat < Number(repeats); repeat++) {
      globalThis.gc?.();
      samples.push(await load(introspect, Number(forMs)));
    }
    return {
      perSecond: median(samples.map(({ perSecond }) => perSecond)),
      cpuMicroseconds: median(samples.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    };
  },
});

/** Keeps the same number of requests running for a while. */
async function load(introspect: Introspect, milliseconds: number): Promise<Sample> {
  let requests = 0;
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const repeat = async () => {
    while (performance.now() - startedAt < milliseconds) await introspect(opaqueToken(requests++));
  };
  await Promise.all(Array.from({ length: Number(concurrency) }, repeat));
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  return { perSecond: requests / seconds, cpuMicroseconds: (user + system) / requests };
}
