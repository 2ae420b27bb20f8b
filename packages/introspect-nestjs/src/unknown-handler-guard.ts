import { type CanActivate, type Type, UseGuards } from '@nestjs/common';
import { isUnknownHandler } from './route-policies.js';

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
