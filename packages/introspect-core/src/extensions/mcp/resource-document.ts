import type { ResourceMetadata } from './server-info.js';

const methods = 'GET, HEAD, OPTIONS';
const anyOrigin = { 'Access-Control-Allow-Origin': '*' };

/**
 * Returns the response to a request for the RFC 9728 document, or `undefined` for another path. Browsers of every origin may
 * read the document, which is public.
 *
 * @param url absolute, or path and query
 */
export function documentResponse(
  { path, document }: ResourceMetadata,
  { method, url }: { method: string; url: string },
): Response | undefined {
  if (!url.includes(path) || pathOf(url) !== path) return undefined;
  switch (method) {
    case 'GET':
    case 'HEAD': {
      const response = Response.json(document, { headers: anyOrigin });
      return method === 'GET' ? response : new Response(null, response);
    }
    case 'OPTIONS':
      return new Response(null, {
        status: 204,
        headers: { ...anyOrigin, 'Access-Control-Allow-Methods': methods, 'Access-Control-Allow-Headers': '*' },
      });
    default:
      return new Response(null, { status: 405, headers: { ...anyOrigin, Allow: methods } });
  }
}

/** Returns the path without a trailing slash: some clients leave the slash of the resource's URL in it. */
function pathOf(url: string): string {
  const path = URL.canParse(url) ? new URL(url).pathname : (url.split('?', 1)[0] ?? '');
  return path.replace(/\/$/, '');
}
