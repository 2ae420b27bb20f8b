import {
  active,
  gzipBomb,
  gzipped,
  hangBeforeHeaders,
  hangInBody,
  inactive,
  large,
  redirect,
  reset,
  respond,
  type ScriptedResponse,
  zitadelResponses,
} from '@acme/introspect-testing';

/** The part of a token before its dot selects the response. So a suite in another process can script the server. */
const responses: Readonly<Record<string, ScriptedResponse>> = {
  inactive: inactive(),
  refused: zitadelResponses.unauthorizedClient(),
  down: respond({ status: 503, headers: { 'retry-after': '7' } }),
  hang: hangBeforeHeaders(),
  'hang-in-body': hangInBody(),
  redirect: redirect('/elsewhere'),
  reset: reset(),
  large: large(1_000_000),
  bomb: gzipBomb(),
  gzip: gzipped({ body: '{"active":true,"sub":"in gzip"}' }),
  'no-utf-8': respond({ headers: { 'content-type': 'application/json' }, body: Uint8Array.of(0x22, 0xff, 0x22) }),
};

/** Returns other tokens as active. Their claims hold the request, and the number of requests for the token. */
export function responsesByToken(): ScriptedResponse {
  const counts = new Map<string, number>();
  return (response, request) => {
    const token = request.form.get('token') ?? '';
    const count = (counts.get(token) ?? 0) + 1;
    counts.set(token, count);
    const { method, body } = request;
    const field = (name: string) => request.field(name).join('|');
    const sent = { method, body, authorization: field('authorization'), type: field('content-type') };
    const [kind = ''] = token.split('.', 1);
    const isOver = kind === 'first-only' && count > 1;
    const respondWith =
      responses[isOver ? 'inactive' : kind] ?? active({ sub: 'mickey', scope: 'items:read', count, sent });
    respondWith(response, request);
  };
}
