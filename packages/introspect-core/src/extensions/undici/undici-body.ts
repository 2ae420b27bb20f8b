import { constants } from 'node:buffer';
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib';

/** The codings (RFC 9110 §8.4.1) that {@link BoundedBody} can undo. */
export const acceptEncoding = 'gzip, deflate, br';

/** As many as fetch undoes. */
const maxCodings = 5;

type Decoder = (body: Uint8Array, options: ZlibOptions) => Uint8Array;

const decoders: ReadonlyMap<string, Decoder> = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflate],
  ['br', brotliDecompressSync],
]);
const utf8 = new TextDecoder('utf-8', { fatal: true });

export interface ReadBody {
  text: string;
  /** What the body is, where it is not as it must be; the text is then empty. */
  problem?: string;
}

/** What arrived of a body, never much more than is allowed. */
export class BoundedBody {
  readonly #maxBytes: number;
  readonly #isCodedTooOften: boolean;
  /** In the order of undoing. An unknown coding is left as it is, as by fetch, and `identity` is none. */
  readonly #decoders: readonly Decoder[];
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  /** @param contentEncoding the field of the response, if it has one */
  constructor(maxBytes: number, contentEncoding: string | null) {
    this.#maxBytes = maxBytes;
    const codings = contentEncoding === null ? [] : contentEncoding.toLowerCase().split(',').reverse();
    this.#isCodedTooOften = codings.length > maxCodings;
    this.#decoders = codings.flatMap((coding) => decoders.get(coding.trim()) ?? []);
  }

  get tooLarge(): string {
    return `larger than ${this.#maxBytes} bytes ("maxResponseBytes")`;
  }

  /** Takes a piece; `false` when there is too much. */
  take(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    // Compression makes nothing much larger: what is coded and twice the limit would not be within it when decoded.
    return this.#size <= (this.#decoders.length === 0 ? this.#maxBytes : 2 * this.#maxBytes + 1024);
  }

  /**
   * The text, once all is there. At once, not in another thread: that takes longer than decoding a small body.
   *
   * @throws what zlib says of it
   */
  read(): ReadBody {
    const [first, ...rest] = this.#chunks;
    if (this.#isCodedTooOften) return { text: '', problem: `coded more than ${maxCodings} times` };
    if (first === undefined) return { text: '' };
    let bytes = rest.length === 0 ? first : Buffer.concat(this.#chunks, this.#size);
    for (const decoder of this.#decoders) {
      const decoded = decode(bytes, decoder, this.#maxBytes);
      if (decoded === undefined) return { text: '', problem: this.tooLarge };
      bytes = decoded;
    }
    try {
      return { text: utf8.decode(bytes) };
    } catch {
      return { text: '', problem: 'not UTF-8' };
    }
  }
}

/** `undefined` when there would be more than `maxBytes`. */
function decode(bytes: Uint8Array, decoder: Decoder, maxBytes: number): Uint8Array | undefined {
  try {
    return decoder(bytes, { maxOutputLength: Math.min(maxBytes, constants.MAX_LENGTH) }); // zlib refuses a larger one
  } catch (fault) {
    if ((fault as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw fault;
  }
}

/** With the frame of zlib, as RFC 9110 §8.4.1.2 has it, or without, as some servers send it. */
function inflate(body: Uint8Array, options: ZlibOptions): Uint8Array {
  const hasFrame = ((body[0] ?? 0) & 0x0f) === 8;
  return hasFrame ? inflateSync(body, options) : inflateRawSync(body, options);
}
