import type { PreparedPolicy } from '../policy/prepared-policy.js';
import { bearerCandidate } from '../request/bearer-token.js';
import { type AuthorizerRequest, contextOf, givenToken } from './authorizer-request.js';
import { contextOfConnection } from './connection-context.js';
import { grantedToken } from './decision.js';
import { type DecideRoute, routeDefaults } from './route-options.js';
import type { TokenWatch } from './token-watch.js';
import type { TokenWatches } from './token-watches.js';

/**
 * Decides about a request, and watches its token.
 *
 * @throws the error of a denial; an `AbortError` if the watches are closed
 */
export async function watchWith<Claims, Optional extends boolean>(
  watches: TokenWatches,
  decide: DecideRoute,
  { challenge, maxResponseAgeMs }: PreparedPolicy,
  { request, signal }: { request: AuthorizerRequest; signal: AbortSignal | undefined },
): Promise<TokenWatch<Claims, Optional>> {
  watches.throwIfClosed();
  signal?.throwIfAborted();
  const context = contextOf(request);
  const granted = grantedToken<Claims, Optional>(
    await decide(context, { ...routeDefaults, token: givenToken(context) }),
  );
  const token =
    granted === null ? undefined : (givenToken(context) ?? bearerCandidate(context.authorization, challenge));
  const controller = new AbortController();
  const again = contextOfConnection(context, controller.signal);
  const connection = {
    token,
    granted,
    maxResponseAgeMs,
    controller,
    decide: (rejection: 'expired' | undefined) => decide(again, { ...routeDefaults, token, rejection }),
  };
  await watches.add(connection, signal);
  return { token: granted, signal: controller.signal };
}
