import type { Policy } from '@acme/introspect-core';

/** The metadata key of both decorators. If one place has both, the upper one applies. */
export const accessKey = '@acme/introspect-nestjs/access';

/** What the decorators of one class or method set. */
type Access = readonly Policy[] | 'public';

/**
 * Returns what the decorators of a class or method set, without those of base classes. A method has it twice: at the
 * function, and at its prototype under this name, where it stays if another decorator replaces the function.
 */
export function accessOf(place: object, name?: string | symbol): Access | undefined {
  return Reflect.getOwnMetadata(accessKey, place, name as string);
}

/**
 * Returns all policies that a token must satisfy for a route: of the controller's base classes (the outermost first),
 * of the controller, and of the route. `@Public()` cancels the policies that come before its own place in this order.
 */
export function policiesOf(controller: object, handler: object): Access {
  const policies: Policy[] = [];
  for (const place of [handler, ...chainOf(controller)]) {
    const access = accessOf(place);
    if (access === 'public') return policies.length > 0 ? policies : 'public';
    policies.unshift(...(access ?? []));
  }
  return policies;
}

/** Returns a class or prototype, and all that it inherits from, nearest first. */
export function chainOf(start: object): object[] {
  const next: object | null = Object.getPrototypeOf(start);
  return next === null ? [start] : [start, ...chainOf(next)];
}
