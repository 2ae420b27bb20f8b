import {
  type AnyAuthorizer,
  Authorizer,
  type AuthorizerOptions,
  authorizerOptionNames,
  isAuthorizer,
  type Transport,
} from '@acme/introspect-core';
import { inherited, inheritedName, unknownOption, withMember, withoutMembers } from '../options.js';
import type { ResourceMetadata } from './resource-metadata.js';

/** Chooses an authorizer for each request: one for each tenant, for example. */
export type ChooseAuthorizer<Native, Of extends AnyAuthorizer = AnyAuthorizer> = (request: Native) => Of | Promise<Of>;

/** An existing authorizer, or a function that chooses one for each request. */
export type AuthorizerOrChooser<Native> = AnyAuthorizer | ChooseAuthorizer<Native>;

/** An existing authorizer, or a function that chooses one for each request, as an option. */
export interface SharedAuthorizer<Shared> {
  /** The authorizer, or the function. It excludes all options of an authorizer. The adapter does not close it. */
  authorizer: Shared;
  /**
   * Overrides the option `passPreflight` of the authorizer. Warning: anybody can fake a preflight. A handler for all
   * methods then runs without a token.
   *
   * @default that of the authorizer
   */
  passPreflight?: boolean;
}

/** Where a guard finds its authorizer. */
export type AuthorizerSource<Native> = AuthorizerOrChooser<Native> | SharedAuthorizer<AuthorizerOrChooser<Native>>;

/** The option that each adapter has beside those of an authorizer. */
export interface AdapterExtras {
  /**
   * Serves the RFC 9728 document of `resource` at its path, unguarded. Middleware serves it only if it is mounted at
   * that path, such as at `'*'`.
   *
   * @default false
   */
  serveResourceMetadata?: boolean;
}

/** The options of an authorizer, or `{ authorizer }`: for an adapter that takes one object of options. */
export type OptionsOrAuthorizer<Native> =
  | (AuthorizerOptions<unknown, string, string, Native> & {
      /** An existing authorizer. It excludes all options of an authorizer. */
      authorizer?: never;
    })
  | SharedAuthorizer<AuthorizerOrChooser<Native>>;

/** What an adapter accepts: a source of authorizers, or the options of one authorizer. */
export type AuthorizerInput<Native> = AuthorizerOrChooser<Native> | OptionsOrAuthorizer<Native>;

/** An adapter's options after they were checked. */
export interface AdapterOptions<Native, Extras extends object = AdapterExtras> {
  /** The adapter's own options. */
  readonly extras: Partial<Extras>;
  /** Where the guards find their authorizer. */
  readonly source: AuthorizerSource<Native>;
  /** Undefined if a function chooses the authorizer. */
  readonly authorizer: AnyAuthorizer | undefined;
  /** The RFC 9728 document to serve unguarded, and its path. Undefined without `serveResourceMetadata`. */
  readonly metadata: ResourceMetadata | undefined;
  /** Closes the authorizer if the adapter has made it. Call it when the application closes. */
  close(): Promise<void>;
}

/**
 * Splits what a user passes to an adapter into the adapter's own options and the source of authorizers. Makes an
 * authorizer if the input has the options of one.
 *
 * @param owner what the user has called, for error messages
 * @param names the adapter's own options
 * @param transport the transport of an authorizer that is made here, if the input does not choose one
 * @throws TypeError naming the option
 */
export function adapterOptions<Native, Extras extends object = AdapterExtras>(
  owner: string,
  input: AuthorizerInput<Native> | (AuthorizerInput<Native> & Extras),
  names: readonly (keyof Extras & string)[] = [],
  transport?: Transport,
): AdapterOptions<Native, Extras> {
  if (isAuthorizer(input) || typeof input === 'function') return optionsWith(input as AuthorizerOrChooser<Native>, {});
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new TypeError(`${owner}: pass the options as an object, or an Authorizer`);
  }
  const [own, others] = splitOptions(input as Record<string, unknown>, names as readonly string[]);
  const extras = own as Partial<Extras>;
  if ('authorizer' in others) return optionsWith(sourceOf<Native>(owner, others), extras);
  const known = authorizerOptionNames();
  const unknown = Object.getOwnPropertyNames(others).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${owner}: ${unknownOption(unknown, [...names, 'authorizer', ...known])}`);
  }
  const isChosen = transport === undefined || 'transport' in others || 'client' in others;
  const authorizer = new Authorizer(
    (isChosen ? others : withMember(others, 'transport', transport)) as AuthorizerOptions,
  );
  return { ...optionsWith<Native, Extras>(authorizer, extras), close: () => authorizer.close() };
}

function optionsWith<Native, Extras extends object>(
  source: AuthorizerSource<Native>,
  extras: Partial<Extras> & AdapterExtras,
): AdapterOptions<Native, Extras> {
  const { authorizer } = sourceParts(source);
  return {
    extras,
    source,
    authorizer: isAuthorizer(authorizer) ? authorizer : undefined,
    metadata: extras.serveResourceMetadata === true ? resourceMetadataOf(source) : undefined,
    close: async () => {},
  };
}

/**
 * Splits options into those with these names, and the rest.
 *
 * The rest keeps the prototype of the options, so that the authorizer still finds inherited options and throws. A spread
 * would lose them silently.
 *
 * @throws TypeError naming an inherited option
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

function sourceOf<Native>(owner: string, input: object): AuthorizerSource<Native> {
  const [{ authorizer, passPreflight }, others] = splitOptions(
    input as { authorizer?: unknown; passPreflight?: unknown },
    ['authorizer', 'passPreflight'],
  );
  const [unknown] = [...Object.getOwnPropertyNames(others), ...inheritedNames(others)];
  if (unknown !== undefined) {
    throw new TypeError(
      `${owner}: "${unknown}" cannot be combined with "authorizer": set it where the authorizer is made`,
    );
  }
  if (!isAuthorizer(authorizer) && typeof authorizer !== 'function') {
    throw new TypeError(`${owner}: "authorizer" must be an Authorizer, or a function that returns one for a request`);
  }
  const chosen = authorizer as AuthorizerOrChooser<Native>;
  if (passPreflight === undefined) return chosen;
  if (typeof passPreflight !== 'boolean') throw new TypeError(`${owner}: "passPreflight" must be true or false`);
  return { authorizer: chosen, passPreflight };
}

/** Returns the names that an object inherits from its class or another prototype. */
function inheritedNames(options: object): string[] {
  const prototype = Object.getPrototypeOf(options);
  if (prototype === null) return [];
  const names = [...Object.getOwnPropertyNames(prototype), ...inheritedNames(prototype)];
  return names.filter((name) => !(name in Object.prototype));
}

/** Returns a source as an object: the authorizer, or the function that chooses one, and `passPreflight`. */
export function sourceParts<Native>(source: AuthorizerSource<Native>): SharedAuthorizer<AuthorizerOrChooser<Native>> {
  if (isAuthorizer(source) || typeof source === 'function') return { authorizer: source };
  return source as SharedAuthorizer<AuthorizerOrChooser<Native>>;
}

/**
 * Returns the RFC 9728 document of an authorizer's `resource`, and its path.
 *
 * @throws TypeError if the authorizer has no `resource`, or if a function chooses the authorizer
 */
export function resourceMetadataOf<Native>(source: AuthorizerSource<Native>): ResourceMetadata {
  const { authorizer } = sourceParts(source);
  if (isAuthorizer(authorizer)) return authorizer.resourceMetadata();
  throw new TypeError('"serveResourceMetadata" needs one Authorizer, not a function that chooses among several');
}
