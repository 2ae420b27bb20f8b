import type { Policy } from '@acme/introspect-core';
import type { ExecutionContext, Type } from '@nestjs/common';

export type RouteHandler = ReturnType<ExecutionContext['getHandler']>;

/** What the decorators of one class or method set. */
export type Access = readonly Policy[] | 'public';

/** The metadata key of both decorators. If one place has both, the upper one applies. */
const accessKey = '@acme/introspect-nestjs/access';

/** Returns what the decorators of this class or method set, without those of base classes. */
export function accessOf(place: object): Access | undefined {
  return Reflect.getOwnMetadata(accessKey, place);
}

export function setAccess(access: Access, place: object): void {
  Reflect.defineMetadata(accessKey, access, place);
}

/**
 * Returns all policies that a token must satisfy for a route: of the controller's base classes (the outermost first),
 * of the controller, and of the route. `@Public()` cancels the policies that come before its own place in this order.
 */
export function policiesOf(controller: Type, handler: RouteHandler): Access {
  const policies: Policy[] = [];
  for (const place of [handler, ...classesOf(controller)]) {
    const access = accessOf(place);
    if (access === 'public') return policies.length > 0 ? policies : 'public';
    policies.unshift(...(access ?? []));
  }
  return policies;
}

/** Returns the class and its base classes, the class first. */
function classesOf(controller: Type): object[] {
  const classes: object[] = [];
  for (let each: unknown = controller; typeof each === 'function'; each = Object.getPrototypeOf(each)) {
    classes.push(each);
  }
  return classes;
}

/** Records that a method needs a token, so that {@link isUnprotected} can find a method that was replaced. */
export function noteProtected(prototype: object, name: string | symbol): void {
  Reflect.defineMetadata(accessKey, true, prototype, name);
}

/** Returns whether another decorator replaced a method with `@RequireToken()` by a function that has no guard. */
export function isUnprotected(prototype: object, name: string): boolean {
  const owner = ownerOf(prototype, name);
  if (owner === undefined || !Reflect.hasOwnMetadata(accessKey, owner, name)) return false;
  return accessOf(Reflect.get(owner, name)) === undefined;
}

/** Returns the nearest prototype that declares the method. */
function ownerOf(prototype: object, name: string): object | undefined {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner);
  return owner ?? undefined;
}
