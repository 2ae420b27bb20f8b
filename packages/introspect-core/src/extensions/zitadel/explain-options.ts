import type { ExplainTokenOptions } from '../explain/explain-options.js';

/**
 * Which API received the token, and how to fetch the issuer's keys.
 *
 * In the option `explainInactive` of an authorizer, pass its context on: `{ ...context, clientId, projectId }`. Then
 * the keys are fetched with the client's own transport and headers, and `transport` and `headers` are not used.
 */
export interface ExplainInactiveOptions extends ExplainTokenOptions {
  /**
   * The project of this API.
   *
   * @default an audience that names the project is not recognised
   */
  projectId?: string | undefined;
  /**
   * Whether to send the token to the userinfo endpoint of its own issuer, with `transport` and `headers`. If that
   * endpoint accepts the token, only its audience is wrong. Not used if `isZitadel` is `false`.
   *
   * @default false
   */
  checkUserinfo?: boolean | undefined;
  /**
   * Whether the server is ZITADEL. If not, the texts name no server, and claim nothing that differs between servers, such
   * as whether they check the audience.
   *
   * @default true
   */
  isZitadel?: boolean | undefined;
}
