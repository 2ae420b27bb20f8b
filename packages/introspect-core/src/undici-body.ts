import { brotliDecompressSync, gunzipSync, inflateSync, type ZlibOptions } from 'node:zlib';

/** The codings (RFC 9110 §8.4.1) that {@link BoundedBody} can undo. */
export const acceptEncoding = 'gzip, deflate, br';

const decoders: ReadonlyMap<string, (body: Uint8Array, options: ZlibOptions) => Uint8Array> = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
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
  readonly #codings: readonly string[];
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  /** @param contentEncoding the field of the response, if it has one */
  constructor(maxBytes: number, contentEncoding: string | null) {
    this.#maxBytes = maxBytes;
    this.#codings = contentEncoding === null ? [] : contentEncoding.toLowerCase().split(',');
  }

  get tooLarge(): string {
    return `larger than ${this.#maxBytes} bytes ("maxResponseBytes")`;
  }

  /** Takes a piece; `false` when there is too much. */
  take(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    // Compression makes nothing much larger: what is coded and twice the limit would not be within it when decoded.
    return this.#size <= (this.#codings.length === 0 ? this.#maxBytes : 2 * this.#maxBytes + 1024);
  }

  /**
   * The text, once all is there. At once, not in another thread: that takes longer than decoding a small body.
   *
   * @throws what zlib says of it
   */
  read(): ReadBody {
    const [first, ...rest] = this.#chunks;
    if (first === undefined) return { text: '' };
    let bytes = rest.length === 0 ? first : Buffer.concat(this.#chunks, this.#size);
    for (const coding of this.#codings.toReversed()) {
      const decoded = decode(bytes, coding.trim(), this.#maxBytes);
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

/** `undefined` when there would be more than `maxOutputLength` bytes. An unknown coding is left as it is, as by fetch. */
function decode(bytes: Uint8Array, coding: string, maxOutputLength: number): Uint8Array | undefined {
  const decoder = decoders.get(coding);
  if (decoder === undefined) return bytes;
  try {
    return decoder(bytes, { maxOutputLength });
  } catch (fault) {
    if ((fault as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw fault;
  }
}
