import type { ActiveToken, AnyAuthorizer, Authorizer, Policy, PolicyOf, TokenOf } from '@acme/introspect-core';
import { checkPolicy } from '@acme/introspect-core/adapter';
import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata, UseGuards } from '@nestjs/common';
import { acceptedToken, IntrospectGuard, nameOf, type PlatformRequest } from './introspect-guard.js';
import { accessKey, accessOf } from './route-policies.js';

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
export function RequireToken(policy: Policy = {}, ...others: unknown[]): ClassDecorator & MethodDecorator {
  checkCalled('@RequireToken', [policy, ...others]);
  checkPolicy(policy);
  return applyDecorators((target: object, name?: string | symbol, descriptor?: PropertyDescriptor) => {
    const others = accessOf(target, name);
    const access = [policy, ...(Array.isArray(others) ? others : [])];
    Reflect.defineMetadata(accessKey, access, target, name as string);
    if (descriptor !== undefined) Reflect.defineMetadata(accessKey, access, descriptor.value);
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
  return SetMetadata(accessKey, 'public');
}

/** @throws TypeError if a function that returns a decorator was used as one: it gets a class, or a method */
function checkCalled(name: string, [first, ...others]: unknown[]): void {
  if (typeof first !== 'function' && others.length === 0) return;
  throw new TypeError(`${name} is not a decorator itself: call it, as in ${name}()`);
}

/**
 * Returns the token of a guarded request, such as in an interceptor. With claims of your own, write
 * `introspectionOf<typeof authorizer>(context)`.
 *
 * @throws Error if no guard ran for the request, or if an optional guard accepted a request without a token
 */
export function introspectionOf<Of extends AnyAuthorizer = Authorizer>(context: ExecutionContext): TokenOf<Of> {
  const token = acceptedToken(context);
  if (token !== null) return token as TokenOf<Of>;
  throw new Error(
    `The request to ${nameOf(context)} has no token, and its guard is optional: use @Introspection(), which gives null then`,
  );
}

const parameter = createParamDecorator((member: string | undefined, context) => {
  const token = acceptedToken(context);
  return member === undefined ? token : token?.[member];
});

/** The members that {@link ActiveToken} declares. */
type KnownMember = keyof { [Name in keyof ActiveToken as string extends Name ? never : Name]: unknown };

/** Compiles only on a parameter that accepts the value. */
type MemberDecorator<Value> = <Target, Key extends PropertyKey, Index extends number>(
  target: Target,
  key: Key | undefined,
  index: Index & ([Known<Value>] extends [Parameter<Target, Key, Index>] ? unknown : Mismatch),
) => void;

/** If the type of the value is unknown, it is `never`, which any parameter accepts. */
type Known<Value> = unknown extends Value ? never : Value;

type Parameter<Target, Key extends PropertyKey, Index extends number> =
  Target extends Record<Key, (...args: infer Args) => unknown> ? Args[Index] : unknown;

type Mismatch = 'The parameter does not accept every value of this member, such as undefined';

/**
 * A parameter of a guarded handler: its `ActiveToken`, or `null` if the policy is optional and the request has no bearer
 * credentials.
 *
 * With the name of a member, the parameter is that member of the token: `undefined` if it is absent, or if the token
 * is `null`. The compiler checks the parameter's type for the members that {@link ActiveToken} declares.
 *
 * On a route without a guard, the handler does not run: the response has status 500.
 *
 * @example
 * ```ts
 * me(@Introspection() token: ActiveToken, @Introspection('sub') sub: string | undefined) {}
 * ```
 */
export function Introspection(): ParameterDecorator;
export function Introspection<const Member extends KnownMember | (string & {})>(
  member: Member,
): MemberDecorator<ActiveToken[Member]>;
export function Introspection(member?: string): ParameterDecorator {
  return parameter(member);
}
