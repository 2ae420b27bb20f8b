const insecureProblem =
  'must be https, except on loopback: what is sent there is secret ("allowInsecureHttp" permits it)';

/**
 * What is wrong with a URL that a token or a secret will be sent to, or `undefined`: it must be absolute, without user
 * info and fragment, and `https` unless it stays on this machine (RFC 7662 §4).
 *
 * Only the name `localhost` and literal loopback addresses count as this machine: nothing is resolved.
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

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** The origin of a URL; of the last one it is remembered, since an endpoint hardly ever changes. */
export function rememberedOrigin(): (url: string) => string {
  let last = { url: '', origin: '' };
  return (url) => {
    if (url !== last.url) last = { url, origin: new URL(url).origin };
    return last.origin;
  };
}
