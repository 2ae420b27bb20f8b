import type { ResponseInputs } from '../protocol/introspection-request.js';

/**
 * Returns a function that makes a text of a token and of everything else that the response depends on. Each part follows
 * its length, so that different inputs never have the same text.
 */
export function settingsBoundText(inputs: ResponseInputs): (token: string) => string {
  const { issuer = '', endpoint = '', clientId, parameters, headers, tokenTypeHint } = inputs;
  const hint = tokenTypeHint === null ? [] : [tokenTypeHint];
  const prefix = withLengths([issuer, endpoint, clientId, sorted(parameters), sorted(headers), withLengths(hint)]);
  return (token) => prefix + withLengths([token]);
}

/**
 * Returns a function that makes the cache key of a token: a SHA-256 digest of its {@link settingsBoundText}. Nobody can
 * read the token from it. The key is a string if the platform has a synchronous hash, and a promise if not.
 */
export function cacheKey(inputs: ResponseInputs): (token: string) => string | Promise<string> {
  const textOf = settingsBoundText(inputs);
  const hash = globalThis.process?.getBuiltinModule?.('node:crypto')?.hash;
  if (hash !== undefined) return (token) => hash('sha256', textOf(token), 'base64url');
  return async (token) => {
    const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(textOf(token)));
    const base64 = btoa(String.fromCharCode(...new Uint8Array(bytes)));
    return base64.replaceAll('+', '-').replaceAll('/', '_').replace('=', ''); // base64url, like the synchronous hash
  };
}

function withLengths(parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('');
}

function sorted(record: Readonly<Record<string, string>>): string {
  return withLengths(
    Object.entries(record)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flat(),
  );
}
