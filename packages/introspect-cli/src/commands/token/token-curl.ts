import { IntrospectionClient, ofetchTransport, type Transport, type TransportRequest } from '@acme/introspect-core';
import { apiClientOptions } from '../../api-client-options.js';
import { type ApiFlags, apiLocationOf } from '../../api-location.js';
import { checkedOptions } from '../../checked-options.js';
import { authMethodOf, clientIdOf, credentialsOf } from '../../client-authentication.js';
import type { Output } from '../../terminal/output.js';
import type { Settings } from '../../terminal/settings.js';
import { variables } from '../../variables.js';

/** Header fields that options of curl set. */
const setByCurl = new Set(['authorization', 'content-type']);
const assertionField = 'client_assertion';
const secretField = 'client_secret';

/**
 * Returns the introspection request of the SDK as a command for sh, without sending the request.
 *
 * Secrets and token stay in the environment, as `INTROSPECT_CLIENT_SECRET` or `ZITADEL_CLIENT_SECRET`, and so on. curl
 * reads them, and an assertion, from stdin. So they are in no file, and no other user sees them in the arguments of a process.
 */
export async function curlOf(settings: Settings, flags: ApiFlags, output: Output): Promise<string> {
  const { url, headers, body } = await requestOf(settings, flags);
  const [, id] = /^Basic (.*)$/.exec(headers.authorization ?? '') ?? [];
  const [clientId] = id === undefined ? [] : atob(id).split(':', 1);
  const fields = Object.entries(headers).filter(([name]) => !setByCurl.has(name));
  const form = new URLSearchParams(body);
  const assertion = form.get(assertionField);
  const isPost = form.has(secretField);
  const isRaw = authMethodOf(settings, flags) === 'basic-raw';
  const secret = isRaw ? unencoded(variables.clientSecret) : encoded(variables.clientSecret);
  const isBearer = headers.authorization?.startsWith('Bearer ') === true;
  for (const name of ['token', assertionField, secretField]) form.delete(name);
  if (assertion !== null) {
    output.message(
      'This command contains an assertion: for some minutes, anyone who has it can introspect as this API.',
    );
  }
  const config = [
    ...(clientId === undefined
      ? []
      : [`printf 'user = "%s:%s"\\n' ${quoted(isRaw ? escaped(clientIdOf(settings, flags)) : clientId)} ${secret}`]),
    ...(isBearer ? [`printf 'header = "Authorization: Bearer %s"\\n' ${fromEnv(variables.bearerToken)}`] : []),
    ...(isPost ? [`printf 'data = "${secretField}=%s"\\n' ${encoded(variables.clientSecret)}`] : []),
    `printf 'data = "token=%s"\\n' ${encoded(variables.token)}`,
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
function encoded(names: readonly string[]): string {
  return `"$(node -p 'encodeURIComponent(${firstOf(names)})')"`;
}

/** As it is, in the quotes of the config of curl. */
function unencoded(names: readonly string[]): string {
  return `"$(node -p 'String(${firstOf(names)}).replace(/["\\\\]/g,"\\\\$&")')"`;
}

const firstOf = (names: readonly string[]) => names.map((name) => `process.env.${name}`).join('||');
const escaped = (text: string) => text.replace(/["\\]/g, '\\$&');

/** A bearer token contains no quote (RFC 6750 §2.1). */
function fromEnv(name: string): string {
  return `"$${name}"`;
}

/** Returns the request that a client passes to its transport. Only discovery is really sent. */
async function requestOf(settings: Settings, flags: ApiFlags): Promise<TransportRequest> {
  let captured: TransportRequest | undefined;
  const transport: Transport = async (request) => {
    if (request.method === 'GET') return ofetchTransport(request);
    captured = request;
    return { status: 200, header: () => 'application/json', body: '{"active":false}' };
  };
  const location = apiLocationOf(settings, flags);
  const credentials = await credentialsOf(settings, flags, async () => 'placeholder');
  const options = await apiClientOptions(location);
  const client = checkedOptions(() => new IntrospectionClient({ ...options, ...credentials, transport }));
  await client.introspect('token');
  if (captured === undefined) throw new Error('The client sent no request');
  return captured;
}

/** Quotes a text as one word of sh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
