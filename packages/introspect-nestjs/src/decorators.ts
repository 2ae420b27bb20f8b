import type { AnyAuthorizer, Authorizer, Policy, PolicyOf } from '@acme/introspect-core';
import { checkPolicy } from '@acme/introspect-core/adapter';
import { applyDecorators, UseGuards } from '@nestjs/common';
import { IntrospectGuard, type PlatformRequest } from './introspect-guard.js';
import { accessOf, setAccess } from './route-policies.js';

/**
 * Protects the route, or each route of the controller: a request needs a token that satisfies the policy. With claims or
 * vocabularies of your own, write `@RequireToken<typeof authorizer>(…)`.
 *
 * Applies `IntrospectGuard`, so `@UseGuards(IntrospectGuard)` is not needed; it does no harm. A token must satisfy all
 * policies of a route: its own, its controller's, and those of the controller's base classes.
 *
 * A derived class that overrides the method drops its policy. If the override is a route without any policy, or if
 * something replaces the method without its decorators, the app does not start.
 *
 * @example
 * ```ts
 * @Get('items')
 * @RequireToken({ scopes: ['items:read'] })
 * items() {}
 * ```
 * @throws TypeError naming the invalid member of the policy
 */
export function RequireToken<Of extends AnyAuthorizer = Authorizer>(
  policy?: PolicyOf<Of, PlatformRequest>,
): ClassDecorator & MethodDecorator;
export function RequireToken(policy?: Policy, ...others: unknown[]): ClassDecorator & MethodDecorator {
  checkCalled('@RequireToken', [policy, ...others]);
  const own = policy ?? {};
  checkPolicy(own);
  return applyDecorators((target: object, name?: string | symbol, descriptor?: PropertyDescriptor) => {
    const others = accessOf(target, name);
    const access = [own, ...(Array.isArray(others) ? others : [])];
    setAccess(access, target, name);
    if (descriptor !== undefined) setAccess(access, descriptor.value);
  }, UseGuards(IntrospectGuard));
}

/**
 * Opens the route to everybody, even if its controller or a global guard requires a token.
 *
 * On a controller, it opens each route that has no `@RequireToken()` of its own, and cancels the policies of the base
 * classes.
 */
export function Public(): ClassDecorator & MethodDecorator;
export function Public(...given: unknown[]): ClassDecorator & MethodDecorator {
  checkCalled('@Public', given);
  return (target: object, _?: string | symbol, descriptor?: PropertyDescriptor) => {
    setAccess('public', descriptor?.value ?? target);
  };
}

/** @throws TypeError if a function that returns a decorator was used as one: it gets a class, or a method */
function checkCalled(name: string, [first, ...others]: unknown[]): void {
  if (typeof first !== 'function' && others.length === 0) return;
  throw new TypeError(`${name} is not a decorator itself: call it, as in ${name}()`);
}
