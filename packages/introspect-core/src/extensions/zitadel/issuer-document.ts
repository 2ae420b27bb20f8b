const maxBytes = 262_144;

/** A document could not be had, for whatever reason. */
export class NoDocument extends Error {}

/**
 * Fetches JSON that an issuer publishes, of which nothing was checked; of a bounded size, after decompression.
 *
 * @throws NoDocument
 */
export async function fetchDocument(url: string, request: RequestInit): Promise<unknown> {
  try {
    const response = await fetch(url, request);
    if (response.status === 200) return JSON.parse(await readText(response));
    response.body?.cancel().catch(() => {}); // it may hang
  } catch {
    // told below
  }
  throw new NoDocument();
}

async function readText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new NoDocument(); // to leave the loop cancels the rest
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}
