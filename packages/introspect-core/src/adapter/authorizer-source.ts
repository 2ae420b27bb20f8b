import { Authorizer, type AuthorizerOptions, type ProtectedResourceMetadata } from '@acme/introspect-core';
import { inherited, inheritedName, withoutMembers } from '../options.js';

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

/**
 * Returns the adapter's own options, and the source of authorizers that the rest of its options is or describes. An
 * `Authorizer`, or a function that chooses one, may stand in place of the options.
 *
 * @throws TypeError naming the option
 */
export function adapterOptions<Native, Extras extends object>(
  input: AuthorizerInput<Native> | (AuthorizerInput<Native> & Extras),
  names: readonly (keyof Extras & string)[],
): Partial<Extras> & { source: AuthorizerSource<Native> } {
  const isOptions = typeof input === 'object' && input !== null && !(input instanceof Authorizer);
  const [own, others] = isOptions ? splitOptions(input as Extras, names) : [{}, input];
  return { ...(own as Partial<Extras>), source: authorizerSource(others as AuthorizerInput<Native>) };
}

/** Returns the names that an object inherits from its class or another prototype. */
function inheritedNames(options: object): string[] {
  const prototype = Object.getPrototypeOf(options);
  if (prototype === null) return [];
  const names = [...Object.getOwnPropertyNames(prototype), ...inheritedNames(prototype)];
  return names.filter((name) => !(name in Object.prototype));
}

/** Returns the authorizer, or the function that chooses one, and `passPreflight`. */
export function parted<Native>(source: AuthorizerSource<Native>): {
  authorizer: AuthorizerOrChooser<Native>;
  passPreflight?: boolean;
} {
  return source instanceof Authorizer || typeof source === 'function' ? { authorizer: source } : source;
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
