import type { ClientAuthentication, ClientAuthenticationContext } from './client-authentication.js';
import { isIntrospectionError, UnavailableError } from './errors.js';
import { send, type Transport, type TransportResponse } from './transport.js';

/** What every request of a client has in common. */
export interface IntrospectionRequestSettings {
  issuer?: string | undefined;
  clientAuthentication: ClientAuthentication;
  /** `null` sends none. */
  tokenTypeHint: string | null;
  parameters: Readonly<Record<string, string>>;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  transport: Transport;
  maxResponseBytes: number;
}

/**
 * Sends an introspection request (RFC 7662 §2.1) and returns its status and body text.
 *
 * Follows no redirect: a 307 would post the token again to another host. Does not retry, and does not interpret the
 * answer.
 *
 * @throws UnavailableError, InvalidResponseError
 */
export async function sendIntrospectionRequest(
  token: string,
  { endpoint, signal }: { endpoint: string; signal: AbortSignal },
  settings: IntrospectionRequestSettings,
): Promise<TransportResponse> {
  const { issuer, clientAuthentication, tokenTypeHint, parameters, transport, maxResponseBytes } = settings;
  const body = new URLSearchParams({ token });
  if (tokenTypeHint !== null) body.append('token_type_hint', tokenTypeHint);
  for (const [name, value] of Object.entries(parameters)) body.append(name, value);
  const headers: Record<string, string> = {
    ...settings.headers,
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded', // a URLSearchParams body would add a charset
  };
  const context = { ...(issuer !== undefined && { issuer }), endpoint, afterRefusal: false };
  await authenticate(clientAuthentication, { headers, body }, context);
  signal.throwIfAborted(); // a secret may take its time
  return send(transport, { url: endpoint, method: 'POST', headers, body: body.toString(), signal, maxResponseBytes });
}

/** Where a secret is fetched, its source may fail too. What it threw may hold the secret, so it is not kept. */
async function authenticate(
  clientAuthentication: ClientAuthentication,
  request: { headers: Record<string, string>; body: URLSearchParams },
  context: ClientAuthenticationContext,
): Promise<void> {
  try {
    await clientAuthentication.apply(request, context);
  } catch (fault) {
    if (isIntrospectionError(fault)) throw fault;
    throw new UnavailableError(
      `This API's own credentials could not be had, so ${new URL(context.endpoint).origin} was not asked: ` +
        'the "clientSecret" function or "clientAuthentication" failed',
    );
  }
}
