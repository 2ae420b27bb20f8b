import {
  IntrospectionClient,
  InvalidResponseError,
  type Transport,
  type TransportRequest,
} from '@acme/introspect-core';
import { checkedOptions } from '../../checked-options.js';
import { type ApiFlags, connectionOf, credentialsOf } from '../../connection.js';
import { boundedText } from '../../http/bounded-text.js';
import type { Output } from '../../terminal/output.js';
import type { Settings } from '../../terminal/settings.js';
import { clientOptionsOf } from '../../zitadel/authorization-server.js';

/** Set by curl and by the credentials' own option. */
const leftOut = new Set(['authorization', 'content-type']);
const assertionField = 'client_assertion';

/**
 * The request that would ask about a token, as a command for sh: it is made, and not sent.
 *
 * Secret and token stay in the environment, as `ZITADEL_CLIENT_SECRET` and `ZITADEL_TOKEN`. curl reads them, and an
 * assertion, from its stdin: they are among no process's arguments, which others on the machine can see, and in no file.
 */
export async function curlOf(settings: Settings, flags: ApiFlags, output: Output): Promise<string> {
  const { url, headers, body } = await requestOf(settings, flags);
  const [, id] = /^Basic (.*)$/.exec(headers.authorization ?? '') ?? [];
  const [clientId] = id === undefined ? [] : atob(id).split(':', 1);
  const fields = Object.entries(headers).filter(([name]) => !leftOut.has(name));
  const form = new URLSearchParams(body);
  const assertion = form.get(assertionField);
  for (const name of ['token', assertionField]) form.delete(name);
  if (assertion !== null) {
    output.note('In this command there is an assertion: whoever has it can ask as this API for some minutes.');
  }
  const config = [
    ...(clientId === undefined ? [] : [`printf 'user = "%s:%s"\\n' ${quoted(clientId)} ${fromEnv('CLIENT_SECRET')}`]),
    `printf 'data = "token=%s"\\n' ${fromEnv('TOKEN')}`,
    ...(assertion === null ? [] : [`printf 'data = "${assertionField}=%s"\\n' ${quoted(assertion)}`]),
  ];
  const options = [
    `--url ${quoted(new URL(url).href)}`,
    ...fields.map(([name, value]) => `--header ${quoted(`${name}: ${value}`)}`),
    ...[...form].map(([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`),
  ];
  const curl = ['curl --silent --show-error --config -', ...options].join(' \\\n  ');
  return ['{', ...config.map((line) => `  ${line}`), `} | ${curl}`].join('\n');
}

/** Form-encoded, so that there is no quote in it that the config would have to escape. */
function fromEnv(name: 'CLIENT_SECRET' | 'TOKEN'): string {
  return `"$(node -p 'encodeURIComponent(process.env.ZITADEL_${name})')"`;
}

/** What a client would send, taken from its hand. */
async function requestOf(settings: Settings, flags: ApiFlags): Promise<TransportRequest> {
  let made: TransportRequest | undefined;
  const transport: Transport = async (request) => {
    if (request.method === 'GET') return fetched(request);
    made = request;
    return { status: 200, header: () => 'application/json', body: '{"active":false}' };
  };
  const connection = connectionOf(settings, flags);
  const credentials = await credentialsOf(settings, flags, async () => 'left out');
  const options = await clientOptionsOf(connection);
  const client = checkedOptions(() => new IntrospectionClient({ ...options, ...credentials, transport }));
  await client.introspect('token');
  if (made === undefined) throw new Error('no request was made');
  return made;
}

async function fetched({ url, headers, signal, maxResponseBytes }: TransportRequest) {
  const response = await fetch(url, { headers, redirect: 'manual', signal });
  const body = await boundedText(response, maxResponseBytes);
  if (body === undefined) throw new InvalidResponseError(`${new URL(url).origin} answered with too much`);
  return { status: response.status, header: (name: string) => response.headers.get(name), body };
}

/** As one word of sh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
