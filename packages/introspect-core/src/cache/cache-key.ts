import type { ResponseInputs } from '../protocol/introspection-request.js';

/**
 * Makes the key under which an answer may be shared: SHA-256 over the setting and the token, each part with its length
 * before it, so that no two settings write the same text. Never the token alone, and nothing can be read from it.
 *
 * Synchronous where the platform has a synchronous hash.
 */
export function cacheKey(setting: ResponseInputs): (token: string) => string | Promise<string> {
  const { issuer = '', endpoint = '', clientId, parameters, headers, tokenTypeHint } = setting;
  const hint = tokenTypeHint === null ? [] : [tokenTypeHint];
  const prefix = written([issuer, endpoint, clientId, sorted(parameters), sorted(headers), written(hint)]);
  const hash = globalThis.process?.getBuiltinModule?.('node:crypto')?.hash;
  if (hash !== undefined) return (token) => hash('sha256', prefix + written([token]), 'base64url');
  return async (token) => {
    const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(prefix + written([token])));
    const base64 = btoa(String.fromCharCode(...new Uint8Array(bytes)));
    return base64.replaceAll('+', '-').replaceAll('/', '_').replace('=', ''); // as the other writes it
  };
}

function written(parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('');
}

function sorted(record: Readonly<Record<string, string>>): string {
  return written(
    Object.entries(record)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flat(),
  );
}
