import type { $Fetch } from 'ofetch';
import { InvalidResponseError } from '../errors/errors.js';
import type { Transport } from './transport.js';

/** Loaded with the first question: of all that this package imports it takes the longest. */
let ofetch: $Fetch | undefined;

/**
 * The default transport: ofetch over the platform's `fetch`, so that it runs on every runtime.
 *
 * The options below are all needed. ofetch's own time limit ends with the headers, its retry reuses an aborted signal,
 * it follows a 307 with the token in its body, and it parses leniently whatever it reads.
 * `credentials` and `cache` are not set: server runtimes have neither cookies nor an HTTP cache, and workerd refuses
 * the options.
 */
export const ofetchTransport: Transport = async ({ url, method, headers, body, signal, maxResponseBytes }) => {
  ofetch ??= (await import('ofetch')).ofetch;
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
    const { text, problem } = await readText(response.body, maxResponseBytes);
    if (problem === undefined) return { status, header, body: text };
    throw new InvalidResponseError(`${new URL(url).origin} answered with a body that is ${problem}`);
  }
  if (status === 400 || status === 403) {
    const { text } = await readText(response.body, maxResponseBytes).catch(() => ({ text: '' }));
    return { status, header, body: text };
  }
  response.body?.cancel().catch(() => {}); // such a status says enough, and its body may hang
  return { status, header, body: '' };
};

interface ReadText {
  text: string;
  problem?: string;
}

/** Reads a body as UTF-8, and stops at the limit: 10 kB of gzip can hold 10 MB. */
async function readText(stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<ReadText> {
  if (stream === null) return { text: '' };
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.byteLength;
    if (size > maxBytes) {
      reader.cancel().catch(() => {});
      return { text: '', problem: `larger than ${maxBytes} bytes ("maxResponseBytes")` };
    }
  }
  const [first = new Uint8Array()] = chunks;
  try {
    utf8 ??= new TextDecoder('utf-8', { fatal: true });
    return { text: utf8.decode(chunks.length > 1 ? joined(chunks, size) : first) };
  } catch {
    return { text: '', problem: 'not UTF-8' };
  }
}

let utf8: TextDecoder | undefined;

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}
