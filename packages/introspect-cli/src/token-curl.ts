import { IntrospectionClient, type Transport, type TransportRequest } from '@acme/introspect-core';
import { type ApiFlags, credentialsOf, headersOf, issuerOf } from './connection.js';
import type { Settings } from './settings.js';

/** Set by curl and by the credentials' own option. */
const leftOut = new Set(['authorization', 'content-type']);

/**
 * The request that would ask about a token, as a command for sh: it is made, and not sent.
 *
 * Secret and token stay in the environment, as `ZITADEL_CLIENT_SECRET` and `ZITADEL_TOKEN`. With a key file there is an
 * assertion in it, which proves this API for some minutes.
 */
export async function curlOf(settings: Settings, flags: ApiFlags): Promise<string> {
  const { url, headers, body } = await requestOf(settings, flags);
  const [, id] = /^Basic (.*)$/.exec(headers.authorization ?? '') ?? [];
  const clientId = id && atob(id).split(':', 1)[0];
  const fields = Object.entries(headers).filter(([name]) => !leftOut.has(name));
  const form = [...new URLSearchParams(body)].filter(([name]) => name !== 'token');
  return [
    'printf %s "$ZITADEL_TOKEN" | curl --silent --show-error',
    `--url ${quoted(url)}`,
    clientId && `--user ${quoted(`${clientId}:`)}"$(node -p 'encodeURIComponent(process.env.ZITADEL_CLIENT_SECRET)')"`,
    ...fields.map(([name, value]) => `--header ${quoted(`${name}: ${value}`)}`),
    '--data-urlencode token@-',
    ...form.map(([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`),
  ]
    .filter(Boolean)
    .join(' \\\n  ');
}

/** What a client would send, taken from its hand. */
async function requestOf(settings: Settings, flags: ApiFlags): Promise<TransportRequest> {
  let made: TransportRequest | undefined;
  const transport: Transport = async (request) => {
    if (request.method === 'GET') return fetched(request);
    made = request;
    return { status: 200, header: () => 'application/json', body: '{"active":false}' };
  };
  const client = new IntrospectionClient({
    issuer: issuerOf(settings, flags),
    headers: headersOf(settings, flags),
    ...(await credentialsOf(settings, flags, async () => 'left out')),
    transport,
  });
  await client.introspect('token');
  if (made === undefined) throw new Error('no request was made');
  return made;
}

async function fetched({ url, headers, signal }: TransportRequest) {
  const response = await fetch(url, { headers, redirect: 'manual', signal });
  return { status: response.status, header: (name: string) => response.headers.get(name), body: await response.text() };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
