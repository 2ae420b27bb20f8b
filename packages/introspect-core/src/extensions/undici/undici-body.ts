import { constants } from 'node:buffer';
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib';
import { BoundedBytes, type BoundedText, decodedText, tooLarge } from '../../runtime/bounded-text.js';

/** The codings (RFC 9110 §8.4.1) that {@link BoundedBody} decodes. */
export const acceptEncoding = 'gzip, deflate, br';

/** The same limit as in `fetch`. */
const maxCodings = 5;

type Decoder = (body: Uint8Array, options: ZlibOptions) => Uint8Array;

const decoders: ReadonlyMap<string, Decoder> = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflate],
  ['br', brotliDecompressSync],
]);

/** The body of a response, of a bounded size before and after decompression. */
export class BoundedBody {
  readonly #maxBytes: number;
  readonly #hasTooManyCodings: boolean;
  /** The last coding first. As in fetch, an unknown coding is ignored, and so is `identity`. */
  readonly #decoders: readonly Decoder[];
  readonly #received: BoundedBytes;

  /** @param contentEncoding the response's field `Content-Encoding`, or `null` */
  constructor(maxBytes: number, contentEncoding: string | null) {
    this.#maxBytes = maxBytes;
    const codings = contentEncoding === null ? [] : contentEncoding.toLowerCase().split(',').reverse();
    this.#hasTooManyCodings = codings.length > maxCodings;
    this.#decoders = codings.flatMap((coding) => decoders.get(coding.trim()) ?? []);
    // A compressed body is hardly larger than the decoded one. So more than twice the limit is too large when decoded.
    this.#received = new BoundedBytes(this.#decoders.length === 0 ? maxBytes : 2 * maxBytes + 1024);
  }

  get tooLarge(): BoundedText {
    return tooLarge(this.#maxBytes);
  }

  /** Adds a chunk, and returns `false` if the body is too large now. */
  add(chunk: Uint8Array): boolean {
    return this.#received.add(chunk);
  }

  /**
   * Returns the text. Call it when all chunks have arrived. Decompresses synchronously, because another thread takes longer
   * for a small body.
   *
   * @throws the error of zlib for a body that is not in its coding
   */
  read(): BoundedText {
    if (this.#hasTooManyCodings) return { text: '', problem: `coded more than ${maxCodings} times` };
    let bytes = this.#received.joined();
    if (bytes.byteLength === 0) return { text: '' }; // not even the frame of a coding
    for (const decoder of this.#decoders) {
      const decoded = decode(bytes, decoder, this.#maxBytes);
      if (decoded === undefined) return this.tooLarge;
      bytes = decoded;
    }
    return decodedText(bytes);
  }
}

/** Returns `undefined` if the result is larger than `maxBytes`. */
function decode(bytes: Uint8Array, decoder: Decoder, maxBytes: number): Uint8Array | undefined {
  try {
    return decoder(bytes, { maxOutputLength: Math.min(maxBytes, constants.MAX_LENGTH) }); // zlib accepts no larger limit
  } catch (fault) {
    if ((fault as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw fault;
  }
}

/** Inflates with the zlib frame (RFC 9110 §8.4.1.2), or without it, because some servers leave it out. */
function inflate(body: Uint8Array, options: ZlibOptions): Uint8Array {
  const hasHeader = ((body[0] ?? 0) & 0x0f) === 8;
  return hasHeader ? inflateSync(body, options) : inflateRawSync(body, options);
}
