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

/** What the part of a token before its dot makes the server do: a suite in another process needs no other lever. */
const answers: Readonly<Record<string, ScriptedResponse>> = {
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

/** Other tokens are active, with what was sent as their claims, and how often it was asked about this one. */
export function answersByToken(): ScriptedResponse {
  const asked = new Map<string, number>();
  return (response, request) => {
    const token = request.form.get('token') ?? '';
    const count = (asked.get(token) ?? 0) + 1;
    asked.set(token, count);
    const { method, body } = request;
    const field = (name: string) => request.field(name).join('|');
    const sent = { method, body, authorization: field('authorization'), type: field('content-type') };
    const answer =
      answers[token.split('.', 1)[0] ?? ''] ?? active({ sub: 'mickey', scope: 'items:read', asked: count, sent });
    answer(response, request);
  };
}
