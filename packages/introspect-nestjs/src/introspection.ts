import type { ActiveToken } from '@acme/introspect-core';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** Finds the request of a context, in the way that its guard was told to. */
export type RequestOf = (context: ExecutionContext) => object | undefined;

/** By the request: nothing else that a handler is called with belongs to one request alone. */
const tokens = new WeakMap<object, ActiveToken | null>();
/** By the class of a guarded handler. */
const finders = new WeakMap<object, RequestOf>();

/** The request of an HTTP context. */
export function httpRequestOf(context: ExecutionContext): object | undefined {
  return context.getType() === 'http' ? context.switchToHttp().getRequest() : undefined;
}

/** Keeps the token that a guard accepted, for the rest of its request. */
export function keepIntrospection(
  context: ExecutionContext,
  { request, requestOf, token }: { request: object; requestOf: RequestOf; token: ActiveToken | null },
): void {
  tokens.set(request, token);
  finders.set(context.getClass(), requestOf);
}

/**
 * The token of a guarded request; `null` where the policy is optional and there were no credentials.
 *
 * @throws Error, answered with 500, on a route without `@RequireToken()` or `IntrospectGuard`
 */
export function introspectionOf(context: ExecutionContext): ActiveToken | null {
  const requestOf = finders.get(context.getClass()) ?? httpRequestOf;
  const request = requestOf(context);
  const token = request === undefined ? undefined : tokens.get(request);
  if (token !== undefined) return token;
  throw new Error(
    `No token was accepted for ${context.getClass().name}.${context.getHandler().name}: guard it with @RequireToken()`,
  );
}

/** A parameter of a handler: its `ActiveToken`, or `null` where the policy is optional. */
export const Introspection = createParamDecorator((_: undefined, context: ExecutionContext) =>
  introspectionOf(context),
);
