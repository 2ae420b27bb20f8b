import type { Policy } from '@acme/introspect-core';
import { type CanActivate, type ExecutionContext, type Type, UseGuards } from '@nestjs/common';

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

/** Records that a method needs a token, so that {@link lostProtection} can find a method that was replaced. */
export function noteProtected(prototype: object, name: string | symbol): void {
  Reflect.defineMetadata(accessKey, true, prototype, name);
}

/** The metadata key of `@UseGuards()`: the releases of Nest export it from different places. */
const guardsKey = '__guards__';

/** A method of a controller, and what the app makes of it. */
export interface Route {
  controller: Type;
  name: string;
  /** The only instance of the controller; `undefined` if each request has one. */
  instance: object | undefined;
  /** The class of our guard. */
  guard: Type;
}

/** Returns why a method would run without the token that `@RequireToken()` demands, or `undefined` if it would not. */
export function lostProtection({ controller, name, instance, guard }: Route): string | undefined {
  const { prototype } = controller;
  if (!needsToken(prototype, name)) return undefined;
  const method: RouteHandler = prototype[name];
  const isGuarded = (each: unknown) => typeof each === 'function' && keepsAccess(each, guard);
  if (!isDeclaredProtected(prototype, name)) {
    const isRoute = Reflect.getOwnMetadataKeys(method).length > 0;
    const policies = policiesOf(controller, method);
    return isRoute && policies !== 'public' && policies.length === 0
      ? 'the method overrides one that @RequireToken() protects, and has no policy itself; add @RequireToken() or @Public() to it'
      : undefined;
  }
  if (!isGuarded(method)) {
    return 'a decorator above @RequireToken() replaced the method, so nothing would guard it; put @RequireToken() above that decorator';
  }
  const own: unknown = instance === undefined ? method : Reflect.get(instance, name);
  return own === method || (isGuarded(own) && accessOf(own as RouteHandler) === accessOf(method))
    ? undefined
    : 'each instance has a function of its own in place of the method, so @RequireToken() would not hold; do not bind or replace the method in the constructor';
}

/** Rejects a call of a handler that may be a method with `@RequireToken()`, but has lost that. */
const unknownHandlerGuard: CanActivate = {
  canActivate(context) {
    const controller = context.getClass();
    const handler = context.getHandler();
    if (!isUnknownHandler(controller, handler)) return true;
    throw new Error(
      `${controller.name}: the handler "${handler.name}" is not a method of the class, so it may have lost its @RequireToken(); do not bind or replace methods in the constructor`,
    );
  },
};

/** Two apps may share a class. */
const guarded = new WeakSet<Type>();

/**
 * Guards a class that has methods with `@RequireToken()`, and an instance for each request. Only a call shows whether
 * the constructor has replaced a method.
 */
export function guardUnknownHandlers(controller: Type): void {
  if (guarded.has(controller)) return;
  guarded.add(controller);
  UseGuards(unknownHandlerGuard)(controller);
}

/** Returns whether a handler may be a method of the class that has lost its decorators, such as by `bind()`. */
function isUnknownHandler({ prototype }: Type, handler: RouteHandler): boolean {
  if (Reflect.getOwnMetadataKeys(handler).length > 0) return false; // also a handler that a tracing library wrapped
  const descriptors = prototypesOf(prototype).flatMap((each) => Object.values(Object.getOwnPropertyDescriptors(each)));
  return !descriptors.some(({ value }) => value === handler);
}

/** Returns whether `@RequireToken()` protects a method, or the nearest method that it overrides and that has a policy. */
export function needsToken(prototype: object, name: string): boolean {
  for (const each of prototypesOf(prototype)) {
    const method: unknown = Object.getOwnPropertyDescriptor(each, name)?.value;
    const access = typeof method === 'function' ? accessOf(method) : undefined;
    if (access !== undefined || Reflect.hasOwnMetadata(accessKey, each, name)) return access !== 'public';
  }
  return false;
}

/** Returns whether the class that declares a method also protects it, and not only a base class that it overrides. */
function isDeclaredProtected(prototype: object, name: string): boolean {
  const owner = prototypesOf(prototype).find((each) => Object.hasOwn(each, name));
  return owner !== undefined && Reflect.hasOwnMetadata(accessKey, owner, name);
}

function keepsAccess(method: object, guard: Type): boolean {
  const guards: unknown = Reflect.getOwnMetadata(guardsKey, method);
  return accessOf(method) !== undefined && Array.isArray(guards) && guards.includes(guard);
}

/** The prototype and those that it inherits from, nearest first. */
function prototypesOf(prototype: object): object[] {
  const prototypes: object[] = [];
  for (let each: object | null = prototype; each !== null; each = Object.getPrototypeOf(each)) prototypes.push(each);
  return prototypes;
}
