/**
 * Returns `id:secret` for a Basic header, with both halves form-encoded (RFC 6749 §2.3.1). `curl -u` needs this value
 * too, because curl does not encode it.
 */
export function basicCredentials(clientId: string, clientSecret: string): string {
  return `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
}

function formEncoded(value: string): string {
  return new URLSearchParams({ value }).toString().slice('value='.length);
}
