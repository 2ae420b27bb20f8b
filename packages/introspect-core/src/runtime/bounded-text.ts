/** The text of a body, or why it cannot be used. */
export interface BoundedText {
  /** Empty if there is a problem. */
  text: string;
  /** Why the body cannot be used; completes the sentence "a body that is …". Absent if it can. */
  problem?: string;
}

/** The result for a body of more than `maxBytes`. */
export function tooLarge(maxBytes: number): BoundedText {
  return { text: '', problem: `larger than ${maxBytes} bytes ("maxResponseBytes")` };
}

/** Collects the chunks of a body and counts their bytes. */
export class BoundedBytes {
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds a chunk, and returns `false` if there are more than `maxBytes` now. Stop reading then. */
  add(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    return this.#size <= this.#maxBytes;
  }

  /** Returns all chunks as one array. Copies nothing if there is only one chunk. */
  joined(): Uint8Array {
    const [first = new Uint8Array(), ...others] = this.#chunks;
    if (others.length === 0) return first;
    const all = new Uint8Array(this.#size);
    let offset = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, offset);
      offset += chunk.byteLength;
    }
    return all;
  }
}

let utf8: TextDecoder | undefined;

/** Decodes bytes as UTF-8. Invalid bytes are a problem, not replaced, because replacing could make two values equal. */
export function decodedText(bytes: Uint8Array): BoundedText {
  try {
    utf8 ??= new TextDecoder('utf-8', { fatal: true });
    return { text: utf8.decode(bytes) };
  } catch {
    return { text: '', problem: 'not UTF-8' };
  }
}

/**
 * Reads a web stream as UTF-8, and cancels it as soon as there are more than `maxBytes`. The bytes are counted after
 * decompression: 10 kB of gzip can hold 10 MB.
 *
 * @throws what the stream throws
 */
export async function readBoundedText(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<BoundedText> {
  if (stream === null) return { text: '' };
  const reader = stream.getReader();
  const body = new BoundedBytes(maxBytes);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return decodedText(body.joined());
    if (body.add(value)) continue;
    reader.cancel().catch(() => {});
    return tooLarge(maxBytes);
  }
}
