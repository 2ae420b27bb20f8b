import type { Transport } from '@acme/introspect-core';

/** The header fields of each request. */
export const headers = {
  accept: 'application/json',
  'content-type': 'application/x-www-form-urlencoded',
  authorization: 'Basic YXBpOnNlY3JldA==',
  'x-tenant': 'a b',
};

/** What a case sets of its request, and of the fault server's response. */
interface Sent {
  status?: number;
  bytes?: number;
  character?: string;
  method?: 'GET' | 'POST';
  body?: string;
  signal?: AbortSignal;
  maxResponseBytes?: number;
}

/** Sends the requests of one case. Their own id tells them from those of other cases at the server. */
export class CaseContext {
  readonly #id = crypto.randomUUID();
  readonly #transport: Transport;
  readonly #origin: string;

  constructor(transport: Transport, origin: string) {
    this.#transport = transport;
    this.#origin = origin;
  }

  /** Sends a request through the transport. */
  send(path: string, { status, bytes, character, ...given }: Sent = {}) {
    const url = new URL(path, this.#origin);
    for (const [name, value] of Object.entries({ id: this.#id, status, bytes, character })) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return this.#transport({
      url: url.href,
      method: 'POST',
      headers,
      ...(given.method !== 'GET' && { body: 'token=a' }),
      signal: new AbortController().signal,
      maxResponseBytes: 262_144,
      ...given,
    });
  }

  /** Returns what the server reports of the requests of this case. Uses `fetch`, not the transport. */
  async report(path: '/seen' | '/arrived' | '/over'): Promise<{ method: string; url: string }[]> {
    const response = await fetch(new URL(`${path}?id=${this.#id}`, this.#origin));
    return response.json();
  }

  /** Returns an origin where no server listens. */
  async closedOrigin(): Promise<string> {
    const { origin } = await (await fetch(new URL('/closed', this.#origin))).json();
    return origin;
  }
}
