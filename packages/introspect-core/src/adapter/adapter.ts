/** What every adapter does alike; docs/writing-an-adapter.md shows it at work. */
import {
  type ActiveToken,
  Authorizer,
  type AuthorizerOptions,
  checkPolicy,
  type Guard,
  isAuthorizationError,
  isIntrospectionError,
  type Policy,
  type ProtectedResourceMetadata,
  type RequestContext,
  type RequestError,
} from '@acme/introspect-core';
import { inherited, inheritedName, withoutMembers } from '../options.js';
import { isPreflight } from './preflight.js';

export { checkPolicy, combinedPolicy } from '@acme/introspect-core';

/** An authorizer, or a function that chooses one for each request: one for each tenant, say. */
type AuthorizerOrChooser<Native> = Authorizer | ((request: Native) => Authorizer | Promise<Authorizer>);

/**
 * Where a guard finds its authorizer.
 *
 * `passPreflight` beside `authorizer` overrides the authorizer's own `passPreflight`. Read the warning at that option.
 */
export type AuthorizerSource<Native> =
  | AuthorizerOrChooser<Native>
  | { authorizer: AuthorizerOrChooser<Native>; passPreflight?: boolean };

/** What an adapter accepts: a source of authorizers, or the options of one authorizer. */
export type AuthorizerInput<Native> = AuthorizerSource<Native> | AuthorizerOptions;

/** A request's context, with the framework's own request. */
export interface NativeRequestContext<Native> extends RequestContext {
  native: Native;
}

/** What a guard returns: `undefined` for a CORS preflight that `passPreflight` lets pass. */
export type GuardOutcome = ActiveToken | null | undefined;

/** Guards a route by its framework's own request; without a promise where the answer is at hand. */
export type NativeGuard<Native> = (request: NativeRequestContext<Native>) => GuardOutcome | Promise<GuardOutcome>;

/** An HTTP answer, ready to be written. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** JSON. */
  readonly body: string;
}

/**
 * Splits an adapter's options into its own, such as `onError`, and the rest. Pass the rest to {@link authorizerSource}.
 *
 * The rest keeps the prototype of the options, so the authorizer still sees an inherited option and rejects it. A
 * spread would drop that option silently.
 *
 * @throws TypeError naming an inherited option of the adapter
 */
export function splitOptions<Options extends object, const Name extends keyof Options & string>(
  options: Options,
  names: readonly Name[],
): [own: Pick<Options, Name>, others: Omit<Options, Name>] {
  const name = inheritedName(options, names);
  if (name !== undefined) throw new TypeError(`"${name}" ${inherited}`);
  const own = Object.fromEntries(names.filter((each) => each in options).map((each) => [each, options[each]]));
  return [own as Pick<Options, Name>, withoutMembers(options, names) as Omit<Options, Name>];
}

/**
 * Makes an authorizer of options; leaves what is one, or chooses one, as it is.
 *
 * @throws TypeError naming the option
 */
export function authorizerSource<Native>(input: AuthorizerInput<Native>): AuthorizerSource<Native> {
  if (input instanceof Authorizer || typeof input === 'function') return input;
  if (typeof input !== 'object' || input === null || !('authorizer' in input)) return new Authorizer(input);
  const [{ authorizer, passPreflight }, others] = splitOptions(input, ['authorizer', 'passPreflight']);
  const [unknown] = [...Object.getOwnPropertyNames(others), ...inheritedNames(others)];
  if (unknown !== undefined) throw new TypeError(`"${unknown}" is no option beside "authorizer", which has its own`);
  if (!(authorizer instanceof Authorizer) && typeof authorizer !== 'function') {
    throw new TypeError('"authorizer" must be an Authorizer, or a function from the request to one');
  }
  if (passPreflight === undefined) return authorizer;
  if (typeof passPreflight !== 'boolean') throw new TypeError('"passPreflight" must be true or false');
  return { authorizer, passPreflight };
}

/** Returns the names that an object inherits from its class or another prototype. */
function inheritedNames(options: object): string[] {
  const prototype = Object.getPrototypeOf(options);
  if (prototype === null) return [];
  const names = [...Object.getOwnPropertyNames(prototype), ...inheritedNames(prototype)];
  return names.filter((name) => !(name in Object.prototype));
}

/**
 * Guards a route. The policy is checked now; where a function chooses the authorizer, its part of it (`anyRole` needs
 * `rolesOf`) with the first request. `OPTIONS` is guarded like every other method, except when `passPreflight` is true.
 *
 * @returns the token; `null` where the policy is optional and there are no credentials; `undefined` for a CORS preflight
 * that `passPreflight` lets pass
 * @throws TypeError naming what is wrong with the policy
 */
export function guardBySource<Native>(source: AuthorizerSource<Native>, policy: Policy = {}): NativeGuard<Native> {
  const { authorizer: chosen, passPreflight } = parted(source);
  if (chosen instanceof Authorizer) {
    const { atOnce } = chosen.guard(policy);
    if (!(passPreflight ?? chosen.passPreflight)) return atOnce;
    return (request) => (isPreflight(request) ? undefined : atOnce(request));
  }
  checkPolicy(policy);
  const guards = new WeakMap<Authorizer, Guard<ActiveToken | null>>();
  return async (request) => {
    if (passPreflight === true && isPreflight(request)) return undefined;
    const authorizer = await chosen(request.native);
    if (!(authorizer instanceof Authorizer)) throw new TypeError('The function that chooses gave no Authorizer');
    if (passPreflight === undefined && authorizer.passPreflight && isPreflight(request)) return undefined;
    const guard = guards.get(authorizer) ?? authorizer.guard(policy);
    guards.set(authorizer, guard);
    return guard.atOnce(request);
  };
}

/** Returns the authorizer, or the function that chooses one, and `passPreflight`. */
function parted<Native>(source: AuthorizerSource<Native>): {
  authorizer: AuthorizerOrChooser<Native>;
  passPreflight?: boolean;
} {
  return source instanceof Authorizer || typeof source === 'function' ? { authorizer: source } : source;
}

/**
 * Whether an outcome is there at once. Anything that is not surely one is to be awaited: where somebody has replaced the
 * global `Promise`, promises are no instances of it.
 */
export function isAtOnce(outcome: GuardOutcome | Promise<GuardOutcome>): outcome is GuardOutcome {
  return (
    outcome === undefined ||
    outcome === null ||
    (Object.hasOwn(outcome, 'active') && 'active' in outcome && outcome.active === true)
  );
}

/**
 * The RFC 9728 document of an authorizer's `resource`, and its path.
 *
 * @throws TypeError where there is none to serve
 */
export function resourceMetadataOf<Native>(source: AuthorizerSource<Native>): {
  path: string;
  document: ProtectedResourceMetadata;
} {
  const { authorizer } = parted(source);
  if (authorizer instanceof Authorizer) return authorizer.resourceMetadata();
  throw new TypeError('"serveResourceMetadata" needs one Authorizer, not a function that chooses among several');
}

/** Whether an error is one that a guard answers by; anything else is the framework's to handle. */
export function isRequestError(error: unknown): error is RequestError {
  return isAuthorizationError(error) || isIntrospectionError(error);
}

/**
 * Returns whether a guard's error means that the caller has hung up. Then nobody needs a response or a log line, but
 * the handler must still not run.
 */
export function isHangUp(error: unknown, { signal }: RequestContext): boolean {
  return signal?.aborted === true && error === signal.reason;
}

/** The answer that an error of a guard asks for. */
export function errorAnswer({ status, headers, body }: RequestError): ErrorAnswer {
  return { status, headers, body: JSON.stringify(body) };
}
