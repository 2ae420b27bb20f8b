import type { ActiveToken, AnyAuthorizer, Authorizer, TokenOf } from '@acme/introspect-core';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** Finds the request of a context. */
type RequestOf = (context: ExecutionContext) => object | undefined;

/**
 * Where a request keeps its token: nothing else that a handler is called with belongs to one request alone. A property
 * costs less for each request than a WeakMap.
 */
const tokenKey = Symbol('@acme/introspect-nestjs/token');

/** A request of the platform. */
type Keeper = { [tokenKey]?: ActiveToken | null };

/** By the class of a guarded handler. */
const finders = new WeakMap<object, RequestOf>();

/** Keeps the token that a guard accepted, for the rest of its request. `requestOf` finds that request again. */
export function keepToken(token: ActiveToken | null, request: object, controller: object, requestOf: RequestOf): void {
  (request as Keeper)[tokenKey] = token;
  if (finders.get(controller) !== requestOf) finders.set(controller, requestOf);
}

function acceptedToken(context: ExecutionContext): ActiveToken | null {
  const request: Keeper | undefined = finders.get(context.getClass())?.(context);
  // An object that inherits from a request is another request, such as one message of a connection.
  const token = request !== undefined && Object.hasOwn(request, tokenKey) ? request[tokenKey] : undefined;
  if (token !== undefined) return token;
  throw new Error(`No guard accepted a token for ${nameOf(context)}: guard it with @RequireToken()`);
}

const nameOf = (context: ExecutionContext) => `${context.getClass().name}.${context.getHandler().name}`;

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

/** Compiles only on a parameter that accepts the value. If the type of the value is unknown, any parameter does. */
type MemberDecorator<Value> = <Target, Key extends PropertyKey, Index extends number>(
  target: Target,
  key: Key | undefined,
  index: Index & (Accepts<Target, Key, Index, Value> extends true ? unknown : Mismatch),
) => void;

type Accepts<Target, Key extends PropertyKey, Index extends number, Value> = unknown extends Value
  ? true
  : Target extends Record<Key, (...args: infer Args) => unknown>
    ? Value extends Args[Index]
      ? true
      : false
    : true;

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
