/** Explains why a server may have called a token inactive. The preset of a server passes what only this server does. */
import { asymmetricAlgorithms, type Jwt, readJwt } from '@acme/introspect-core/jwt-prefilter';
import type { ExplainTokenOptions } from './explain-options.js';
import type { TokenExplanation } from './explanation.js';
import { checkSignature, type SignatureCheck } from './signature-check.js';
import { explainShape } from './token-shape.js';
import { explainIssuer, explainKind, explainTimes } from './unverified-claims.js';

/** What one kind of server says about a token. */
export interface ServerExplanations {
  /** Explains a token that is not a JWT. */
  opaque(token: string): TokenExplanation | Promise<TokenExplanation>;
  /** Judges a signature with an algorithm for which an issuer cannot publish a key, such as HS256. */
  otherAlgorithm(jwt: Jwt): SignatureCheck;
  /** Explains a JWT in which everything else is right: issuer, signature, times and kind. */
  rest(jwt: Jwt): TokenExplanation | Promise<TokenExplanation>;
}

/**
 * Returns the first explanation that fits the token. Tries its shape first, then issuer, signature, times and kind.
 *
 * @throws TypeError naming the option that is missing or has another type
 */
export async function explainToken(
  token: string,
  options: ExplainTokenOptions,
  server: ServerExplanations,
): Promise<TokenExplanation> {
  for (const name of ['issuer', 'clientId'] as const) {
    if (typeof options?.[name] !== 'string') throw new TypeError(`explainInactive: "${name}" must be a string`);
  }
  if (typeof token !== 'string') throw new TypeError('explainInactive: the token must be a string');
  const malformed = explainShape(token);
  if (malformed !== undefined) return malformed;
  const jwt = readJwt(token);
  if (jwt === undefined) return server.opaque(token);
  const foreign = explainIssuer(jwt.claims, options);
  if (foreign !== undefined) return foreign;
  const isAsymmetric = asymmetricAlgorithms.some((algorithm) => algorithm === jwt.alg);
  const { wrong, unchecked } = isAsymmetric ? await checkSignature(jwt, options) : server.otherAlgorithm(jwt);
  if (wrong !== undefined) return wrong;
  const explanation = explainTimes(jwt.claims, options) ?? explainKind(jwt.claims) ?? (await server.rest(jwt));
  if (unchecked === undefined) return explanation;
  return { ...explanation, message: `${explanation.message} Its signature was not checked: ${unchecked}.` };
}
