import type { $Fetch } from 'ofetch';
import { InvalidResponseError } from '../errors/errors.js';
import { type BoundedText, decodedText, readBoundedText } from '../runtime/bounded-text.js';
import type { Transport } from './transport.js';

/** Loaded by the first request, because it takes longer to load than the rest of this package. */
let ofetch: $Fetch | undefined;

/**
 * The default transport: ofetch over the platform's `fetch`, so that it runs on every runtime. Opens and closes
 * connections as that `fetch` does.
 *
 * @throws InvalidResponseError if the body of a 200 is larger than `maxResponseBytes` or is not UTF-8
 */
export const ofetchTransport: Transport = async ({ url, method, headers, body, signal, maxResponseBytes }) => {
  ofetch ??= (await import('ofetch')).ofetch;
  // All options are needed. ofetch's own time limit ends with the headers, and its retry reuses an aborted signal. By
  // default it follows a 307 with the token in its body, and parses every body leniently. `credentials` and `cache` are
  // not set: server runtimes have neither cookies nor an HTTP cache, and workerd does not accept these options.
  const response = await ofetch.raw(url, {
    method,
    headers: { ...headers },
    ...(body !== undefined && { body }),
    redirect: 'manual',
    retry: 0,
    responseType: 'stream',
    ignoreResponseError: true,
    signal,
  });
  const { status } = response;
  const header = (name: string) => response.headers.get(name);
  if (status === 200) {
    const { text, problem } = await readBody(response, maxResponseBytes);
    if (problem === undefined) return { status, header, body: text };
    throw new InvalidResponseError(`${new URL(url).origin} responded with a body that is ${problem}`);
  }
  if (status === 400 || status === 403) {
    const { text } = await readBody(response, maxResponseBytes).catch(() => ({ text: '' }));
    return { status, header, body: text };
  }
  response.body?.cancel().catch(() => {}); // nobody reads the body of such a status, and it may hang
  return { status, header, body: '' };
};

/** Reads a body of known and small length in one call, and any other body as a stream, which costs more. */
async function readBody(response: Response, maxBytes: number): Promise<BoundedText> {
  const length = response.headers.get('content-length') ?? '';
  // The length is that of the compressed body.
  const isSmall = /^\d{1,9}$/.test(length) && Number(length) <= maxBytes && !response.headers.has('content-encoding');
  if (!isSmall) return readBoundedText(response.body, maxBytes);
  return decodedText(new Uint8Array(await response.arrayBuffer()));
}
