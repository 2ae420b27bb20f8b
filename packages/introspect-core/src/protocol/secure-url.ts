const insecureProblem =
  'must be https, except on loopback: tokens and secrets are sent there ("allowInsecureHttp" permits it)';

/**
 * Returns why no token or secret may be sent to a URL, or `undefined` if it may. The URL must be absolute, without user
 * info and fragment, and `https` except on loopback (RFC 7662 §4).
 *
 * Only the name `localhost` and literal loopback addresses count as loopback. No name is resolved.
 *
 * @param insecure the message for an http URL that is not on loopback
 */
export function urlProblem(value: string, allowInsecureHttp: boolean, insecure = insecureProblem): string | undefined {
  if (!/^[a-z]+:\/\/[^\s\\]+$/i.test(value) || !URL.canParse(value)) {
    return 'must be an absolute URL, such as "https://example.com"';
  }
  const { protocol, hostname, username, password } = new URL(value);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must be an https URL';
  if (protocol === 'http:' && !allowInsecureHttp && !isLoopback(hostname)) {
    return insecure;
  }
  if (username !== '' || password !== '') return 'must not hold a user name or password';
  if (value.includes('#')) return 'must not have a fragment';
  return undefined;
}

/**
 * Returns whether a host is this machine: `localhost` or a literal loopback address, as `URL.hostname` writes it.
 *
 * Resolves no name.
 */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
