import type { Policy } from '@acme/introspect-core';
import type { ExecutionContext, Type } from '@nestjs/common';

export type RouteHandler = ReturnType<ExecutionContext['getHandler']>;

/** What the decorators of one class or method say. */
export type Access = readonly Policy[] | 'public';

/** The metadata key for both decorators, so that the upper one of one place decides between them. */
const accessKey = '@acme/introspect-nestjs/access';

/** Returns what the decorators of this class or method say; not what those of a base class say. */
export function accessOf(place: object): Access | undefined {
  return Reflect.getOwnMetadata(accessKey, place);
}

export function setAccess(access: Access, place: object): void {
  Reflect.defineMetadata(accessKey, access, place);
}

/**
 * Returns the policies that all hold for a route, those of the outermost class first: of the controller's base classes,
 * of the controller, of the route. `@Public()` cancels the policies that are further out than itself.
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

/** The class and its base classes. */
function classesOf(controller: Type): object[] {
  const classes: object[] = [];
  for (let each: unknown = controller; typeof each === 'function'; each = Object.getPrototypeOf(each)) {
    classes.push(each);
  }
  return classes;
}

/** Notes that a method of a class needs a token, so that {@link isUnprotected} can find a method that was replaced. */
export function noteProtected(prototype: object, name: string | symbol): void {
  Reflect.defineMetadata(accessKey, true, prototype, name);
}

/** Returns whether another decorator replaced a method that `@RequireToken()` protected by a function without guard. */
export function isUnprotected(prototype: object, name: string): boolean {
  const owner = ownerOf(prototype, name);
  if (owner === undefined || !Reflect.hasOwnMetadata(accessKey, owner, name)) return false;
  return accessOf(Reflect.get(owner, name)) === undefined;
}

/** The prototype that declares the method, nearest first. */
function ownerOf(prototype: object, name: string): object | undefined {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner);
  return owner ?? undefined;
}
