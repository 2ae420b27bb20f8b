import type { Policy } from '@acme/introspect-core';
import { checkPolicy } from '@acme/introspect-core/adapter';
import { type CustomDecorator, SetMetadata } from '@nestjs/common';

/** What a route or a controller asks of its callers: a policy, or nothing. */
export type Access = { readonly policy: Policy } | 'public';

/** Where Nest keeps it. One key for both, so that a route's word wins over its controller's. */
export const accessKey = '@acme/introspect-nestjs/access';

/**
 * The route, or each route of the controller, needs a token that satisfies the policy.
 *
 * @throws TypeError naming what is wrong with the policy
 */
export function RequireToken(policy: Policy = {}): CustomDecorator {
  checkPolicy(policy);
  return SetMetadata<string, Access>(accessKey, { policy });
}

/** The route, or each route of the controller, is open, whatever guards it. */
export function Public(): CustomDecorator {
  return SetMetadata<string, Access>(accessKey, 'public');
}
