import type { Policy } from '@acme/introspect-core';
import { checkPolicy } from '@acme/introspect-core/adapter';
import { applyDecorators, UseGuards } from '@nestjs/common';
import { IntrospectGuard } from './introspect-guard.js';
import { type Access, accessOf, noteProtected, setAccess } from './route-policies.js';

/**
 * Protects the route, or each route of the controller: it needs a token that satisfies the policy.
 *
 * Applies `IntrospectGuard`; `@UseGuards(IntrospectGuard)` is not needed, and does no harm. All policies of a route
 * hold together: its own, its controller's, and those of the controller's base classes. Like every decorator of Nest,
 * it is lost if a derived class overrides the method.
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
 * Opens the route to everybody, whatever guards it and whatever its controller requires.
 *
 * On a controller it opens each route that has no `@RequireToken()` of its own, and cancels the policies of base
 * classes.
 */
export function Public(): ClassDecorator & MethodDecorator {
  return (target: object, _?: string | symbol, descriptor?: PropertyDescriptor) => {
    setAccess('public', descriptor?.value ?? target);
  };
}
