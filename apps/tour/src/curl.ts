/**
 * Returns a request as a command that can be pasted, one option a line. Credentials and tokens are shell variables in
 * `options`, so the command shows no secret.
 */
export function curl(url: string, options: readonly string[] = []): string {
  return ['curl -s', ...options, url].join(' \\\n       ');
}

/** Returns the word in double quotes, in which a shell replaces variables. */
export function doubleQuoted(word: string): string {
  return `"${word.replaceAll(/[\\"`]/g, '\\$&')}"`;
}

/** Returns the word in single quotes, in which a shell replaces nothing. */
export function singleQuoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Returns a URL for curl. If it begins with the issuer, it uses `$ZITADEL_ISSUER`. */
export function urlOf(url: string, issuer: string): string {
  const base = issuer.replace(/\/$/, '');
  if (base === issuer && url.startsWith(`${base}/`)) return `"$ZITADEL_ISSUER${url.slice(base.length)}"`;
  return singleQuoted(url);
}

/** Returns the start of a secret: enough to recognise it, too little to use it. */
export function shortened(secret: string): string {
  return `${secret.slice(0, Math.min(4, secret.length / 3))}…`;
}
