/**
 * `id:secret` as RFC 6749 §2.3.1 wants it in a Basic header: both halves form-encoded. This is also what `curl -u`
 * has to be given, because curl encodes nothing.
 */
export function basicCredentials(clientId: string, clientSecret: string): string {
  return `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
}

function formEncoded(value: string): string {
  return new URLSearchParams({ value }).toString().slice('value='.length);
}
