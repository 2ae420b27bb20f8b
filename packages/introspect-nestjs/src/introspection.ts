import type { ActiveToken } from '@acme/introspect-core';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** By the objects that a handler is called with: the request itself, or whatever else belongs to it alone. */
const tokens = new WeakMap<object, ActiveToken | null>();

/** Keeps the token that a guard accepted, for the rest of its request. */
export function keepIntrospection(context: ExecutionContext, token: ActiveToken | null): void {
  for (const part of partsOf(context)) tokens.set(part, token);
}

/**
 * The token of a guarded request; `null` where the policy is optional and there were no credentials.
 *
 * @throws Error, answered with 500, on a route without `IntrospectGuard`
 */
export function introspectionOf(context: ExecutionContext): ActiveToken | null {
  const part = partsOf(context).find((each) => tokens.has(each));
  if (part !== undefined) return tokens.get(part) ?? null;
  throw new Error(
    `No token was accepted for ${context.getClass().name}.${context.getHandler().name}: guard it with @UseGuards(IntrospectGuard)`,
  );
}

/** A parameter of a handler: its `ActiveToken`, or `null` where the policy is optional. */
export const Introspection = createParamDecorator((_: undefined, context: ExecutionContext) =>
  introspectionOf(context),
);

function partsOf(context: ExecutionContext): object[] {
  const [first] = context.getArgs();
  const parts: unknown[] = context.getType() === 'http' ? [first] : context.getArgs();
  return parts.filter((part) => typeof part === 'object' && part !== null);
}
