import type { Policy } from '@acme/introspect-core';
import { checkPolicy } from '@acme/introspect-core/adapter';
import { applyDecorators, UseGuards } from '@nestjs/common';
import { IntrospectGuard } from './introspect-guard.js';
import { type Access, accessOf, noteProtected, setAccess } from './route-policies.js';

/**
 * Protects the route, or each route of the controller: a request needs a token that satisfies the policy.
 *
 * Applies `IntrospectGuard`, so `@UseGuards(IntrospectGuard)` is not needed; it does no harm. A token must satisfy all
 * policies of a route: its own, its controller's, and those of the controller's base classes.
 *
 * A derived class that overrides the method drops its policy. If the override is a route without any policy, or if
 * something replaces the method without its decorators, the app does not start.
 *
 * @throws TypeError naming what is wrong with the policy
 */
export function RequireToken(policy: Policy = {}): ClassDecorator & MethodDecorator {
  checkPolicy(policy);
  const add = (access: Access | undefined): Access => [policy, ...(Array.isArray(access) ? access : [])];
  return applyDecorators((target: object, name?: string | symbol, descriptor?: PropertyDescriptor) => {
    const place = descriptor?.value ?? target;
    setAccess(add(accessOf(place)), place);
    if (name !== undefined) noteProtected(target, name);
  }, UseGuards(IntrospectGuard));
}

/**
 * Opens the route to everybody, even if its controller or a global guard requires a token.
 *
 * On a controller, it opens each route that has no `@RequireToken()` of its own, and cancels the policies of the base
 * classes.
 */
export function Public(): ClassDecorator & MethodDecorator {
  return (target: object, _?: string | symbol, descriptor?: PropertyDescriptor) => {
    setAccess('public', descriptor?.value ?? target);
  };
}
