import type { Transport, TransportRequest, TransportResponse } from '../../src/index.js';

interface Reply {
  status?: number;
  headers?: Readonly<Record<string, string>>;
  body?: unknown;
}

/** A transport that replaces server and network, for faults in virtual time. It records the requests. */
export function scriptedTransport(reply: (token: string, number: number) => Reply | Promise<Reply>) {
  const requests: TransportRequest[] = [];
  const transport: Transport = async (request): Promise<TransportResponse> => {
    requests.push(request);
    const token = new URLSearchParams(request.body).get('token') ?? '';
    const { status = 200, headers, body = { active: true } } = await reply(token, requests.length);
    const fields: Readonly<Record<string, string>> = { 'content-type': 'application/json', ...headers };
    return { status, header: (name) => fields[name] ?? null, body: JSON.stringify(body) };
  };
  return { transport, requests };
}

export const never = () => new Promise<never>(() => {});

/** The options of a client with a scripted transport. */
export const scripted = { introspectionEndpoint: 'https://as.example/introspect', clientId: 'api', clientSecret: 's' };
