import { IntrospectionClient, ofetchTransport, type Transport, type TransportRequest } from '@acme/introspect-core';
import { checkedOptions } from '../../checked-options.js';
import { type ApiFlags, connectionOf, credentialsOf } from '../../connection.js';
import type { Output } from '../../terminal/output.js';
import type { Settings } from '../../terminal/settings.js';
import { clientOptionsOf } from '../../zitadel/authorization-server.js';

/** Header fields that options of curl set. */
const setByCurl = new Set(['authorization', 'content-type']);
const assertionField = 'client_assertion';

/**
 * Returns the introspection request of the SDK as a command for sh, without sending the request.
 *
 * Secret and token stay in the environment, as `ZITADEL_CLIENT_SECRET` and `ZITADEL_TOKEN`. curl reads them, and an
 * assertion, from stdin. So they are in no file, and no other user sees them in the arguments of a process.
 */
export async function curlOf(settings: Settings, flags: ApiFlags, output: Output): Promise<string> {
  const { url, headers, body } = await requestOf(settings, flags);
  const [, id] = /^Basic (.*)$/.exec(headers.authorization ?? '') ?? [];
  const [clientId] = id === undefined ? [] : atob(id).split(':', 1);
  const fields = Object.entries(headers).filter(([name]) => !setByCurl.has(name));
  const form = new URLSearchParams(body);
  const assertion = form.get(assertionField);
  for (const name of ['token', assertionField]) form.delete(name);
  if (assertion !== null) {
    output.message(
      'This command contains an assertion: for some minutes, anyone who has it can introspect as this API.',
    );
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

/** Form-encoded, so that the value contains no quote, which the config of curl would need escaped. */
function fromEnv(name: 'CLIENT_SECRET' | 'TOKEN'): string {
  return `"$(node -p 'encodeURIComponent(process.env.ZITADEL_${name})')"`;
}

/** Returns the request that a client passes to its transport. Only discovery is really sent. */
async function requestOf(settings: Settings, flags: ApiFlags): Promise<TransportRequest> {
  let captured: TransportRequest | undefined;
  const transport: Transport = async (request) => {
    if (request.method === 'GET') return ofetchTransport(request);
    captured = request;
    return { status: 200, header: () => 'application/json', body: '{"active":false}' };
  };
  const connection = connectionOf(settings, flags);
  const credentials = await credentialsOf(settings, flags, async () => 'placeholder');
  const options = await clientOptionsOf(connection);
  const client = checkedOptions(() => new IntrospectionClient({ ...options, ...credentials, transport }));
  await client.introspect('token');
  if (captured === undefined) throw new Error('The client sent no request');
  return captured;
}

/** Quotes a text as one word of sh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
