/** A request as a reader could make it with curl, its secret shortened. */
export function curl(url: string, { user, form = {} }: { user?: User; form?: Record<string, string> } = {}): string {
  const parts = [
    'curl -s',
    ...(user === undefined ? [] : [`-u ${quoted(`${formEncoded(user.id)}:${shortened(user.secret)}`)}`]),
    ...Object.entries(form).map(([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`),
    url,
  ];
  return parts.join(' \\\n       ');
}

export interface User {
  id: string;
  secret: string;
}

/** Enough of a secret to recognise it, too little to use it. */
export function shortened(secret: string): string {
  return `${formEncoded(secret.slice(0, Math.min(3, secret.length / 3)))}…`;
}

/** curl sends `-u` as it is, and RFC 6749 §2.3.1 wants both halves form-encoded. */
function formEncoded(value: string): string {
  return new URLSearchParams({ value }).toString().slice('value='.length);
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
