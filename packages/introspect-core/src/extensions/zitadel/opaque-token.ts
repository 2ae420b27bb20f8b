/** Explains a token that is not a JWT. */
import { decodeProtectedHeader } from 'jose';
import type { TokenExplanation } from '../explain/explanation.js';
import { scopeAdvice } from './audience.js';
import type { ExplainInactiveOptions } from './explain-options.js';
import { userinfoAccepts } from './userinfo.js';

/** The length of the last part of a JWE (RFC 7516 §7.1): an authentication tag of 16 bytes in base64url. */
const tagLength = 22;

/** Explains an opaque token. ZITADEL's opaque access tokens and personal access tokens are JWEs of five parts. */
export async function explainOpaque(token: string, options: ExplainInactiveOptions): Promise<TokenExplanation> {
  if (options.isZitadel === false) return opaqueElsewhere;
  const header = jweHeader(token);
  const parts = token.split('.');
  if (header !== undefined && (parts.length !== 5 || parts.at(-1)?.length !== tagLength || parts.includes(''))) {
    return {
      cause: 'malformed',
      message: 'It begins like an encrypted token (JWE), and is not whole: it was cut off or changed.',
      advice: 'Look at where it was cut off.',
    };
  }
  const isLive = await userinfoAccepts(token, options);
  const advice = `If it is the token of a service user, request it with ${scopeAdvice(options)}`;
  if (isLive) {
    return {
      cause: 'audience_mismatch',
      message:
        'It is a live token of this server: the userinfo endpoint accepts it. So its audience lacks this API, and cannot be read here because the token is opaque.',
      advice: `${advice} A login must go through an application of the project.`,
    };
  }
  const isOfZitadel = header?.alg === 'A256GCMKW' && header.enc === 'A256GCM';
  const form = isOfZitadel
    ? 'It is opaque, in the form of the access tokens and personal access tokens that ZITADEL creates (JWE), so nothing can be read from it.'
    : 'It is neither a JWT nor an encrypted token (JWE) like the opaque ones of current ZITADEL versions. So it may be a refresh token, an access token of an older version or of another server, or damaged.';
  const gone = 'it is unknown (from another instance, perhaps), expired, revoked or superseded by a refresh';
  const rest =
    isLive === false
      ? `The userinfo endpoint rejects it too, so ${gone}.`
      : `ZITADEL says inactive when ${gone}, and when its audience lacks this API.`;
  return {
    cause: 'opaque',
    message: `${form} ${rest}`,
    advice: isLive === false ? `Get a new token. ${advice}` : advice,
  };
}

/** Without a guess: other servers have opaque tokens of any form. */
const opaqueElsewhere: TokenExplanation = {
  cause: 'opaque',
  message: 'It is not a JWT, so nothing can be read from it: only this server knows why it is inactive.',
  advice:
    'Check that it is an access token of this server, and get a new one. If that is inactive too, check that this client may introspect it.',
};

/** Returns the header of a JWE, also if parts of the token are missing. */
function jweHeader(token: string): { readonly alg?: unknown; readonly enc?: unknown } | undefined {
  try {
    const header = decodeProtectedHeader(`${token.split('.', 1)[0]}..`);
    return typeof header.enc === 'string' ? header : undefined;
  } catch {
    return undefined;
  }
}
