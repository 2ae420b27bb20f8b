import * as v from 'valibot';

/**
 * Checks an options object and returns a copy of it. Call it once, at construction.
 *
 * Messages name the option and what it must be, never its value, because the value may be a secret.
 *
 * @throws TypeError that starts with `owner`
 */
export function checkedOptions<const Schema extends v.GenericSchema>(
  owner: string,
  schema: Schema,
  options: unknown,
): v.InferOutput<Schema> {
  if (Array.isArray(options)) throw new TypeError(`${owner}: the options must be an object`);
  const result = v.safeParse(schema, options, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue);
  if (path === null) throw new TypeError(`${owner}: the options ${issue.message}`);
  const isUnknown = issue.expected === 'never';
  throw new TypeError(
    `${owner}: ${isUnknown ? `unknown option "${path}"; ${issue.message}` : `"${path}" ${issue.message}`}`,
  );
}

/**
 * Returns a schema for an options object. Unknown and inherited options are errors, which name the option.
 *
 * Inherited options are errors because a copy of the object, such as a spread, loses them silently.
 */
export function optionsObject<const Entries extends v.ObjectEntries>(entries: Entries) {
  type Options = v.InferInput<v.StrictObjectSchema<Entries, undefined>>;
  return v.pipe(
    v.custom<Options>((value) => typeof value === 'object' && value !== null, 'must be an object'),
    v.rawCheck(({ dataset: { value }, addIssue }) => {
      const input = Object(value);
      const pathOf = (key: string) => [{ type: 'object', origin: 'key', input, key, value: null }] as const;
      const key = inheritedName(input, Object.keys(entries));
      if (key !== undefined) addIssue({ message: inherited, path: [...pathOf(key)] });
      // Before the check for missing options: an option with a wrong name is both unknown and missing.
      const unknown = Object.getOwnPropertyNames(input).find((name) => !Object.hasOwn(entries, name));
      if (key !== undefined || unknown === undefined) return;
      const message = knownOptions(unknown, Object.keys(entries), missingNames(entries, input));
      addIssue({ expected: 'never', message, path: [...pathOf(unknown)] });
    }),
    v.transform((value): Options => ownMembers(Object(value)) as Options),
    v.strictObject(entries, 'is missing'),
  );
}

/** Returns the names of the options that an object must have, but lacks. */
function missingNames(entries: v.ObjectEntries, options: object): string[] {
  const needed = Object.entries(entries).filter(([, { type }]) => !/optional$/.test(type));
  return needed.map(([name]) => name).filter((name) => !Object.hasOwn(options, name));
}

/** Returns the error message for an unknown option. It names the known options, and the one that is probably meant. */
export function unknownOption(name: string, names: readonly string[]): string {
  return `unknown option "${name}"; ${knownOptions(name, names)}`;
}

/** Returns the known names and a suggestion: the name that resembles the unknown one, or else the only missing name. */
function knownOptions(unknown: string, names: readonly string[], missing: readonly string[] = []): string {
  const [only = '', ...others] = missing;
  const likely = only !== '' && others.length === 0 ? `; did you mean "${only}"?` : '';
  return `known options: ${names.join(', ')}${suggestion(unknown, names) || likely}`;
}

/**
 * Returns `; did you mean "…"?` with the known name that differs in at most two letters, or that begins or ends with an
 * unknown name of six letters or more. Returns an empty text if there is none.
 */
export function suggestion(unknown: string, names: readonly string[]): string {
  const lowerCase = unknown.toLowerCase();
  for (let edits = 0; edits <= Math.min(2, unknown.length / 3); edits++) {
    const near = names.find((name) => isNear(name.toLowerCase(), lowerCase, edits));
    if (near !== undefined) return `; did you mean "${near}"?`;
  }
  const isPart = (name: string) => name.startsWith(lowerCase) || name.endsWith(lowerCase);
  const longer = unknown.length < 6 ? undefined : names.find((name) => isPart(name.toLowerCase()));
  return longer === undefined ? '' : `; did you mean "${longer}"?`;
}

/** Returns whether `edits` insertions, deletions, replacements or swaps of two neighbours make the texts equal. */
function isNear(one: string, other: string, edits: number): boolean {
  let same = 0;
  while (same < one.length && one[same] === other[same]) same++;
  const [a, b] = [one.slice(same), other.slice(same)];
  if (a === b || edits === 0) return a === b;
  const isSwap = a[0] === b[1] && a[1] === b[0];
  return (
    isNear(a.slice(1), b, edits - 1) ||
    isNear(a, b.slice(1), edits - 1) ||
    isNear(a.slice(1), b.slice(1), edits - 1) ||
    (isSwap && isNear(a.slice(2), b.slice(2), edits - 1))
  );
}

/** The error message for an option that {@link inheritedName} finds. */
export const inherited = 'is inherited, for example from a class: set it on the options object itself';

/**
 * Returns the first name that an object inherits: one of `names`, such as a getter of its class, or any other
 * enumerable member that is not a function.
 */
export function inheritedName(options: object, names: readonly string[]): string | undefined {
  const candidates = names.filter((name) => name in options);
  for (const name in options) if (typeof Reflect.get(options, name) !== 'function') candidates.push(name);
  return candidates.find((name) => !Object.hasOwn(options, name) && !(name in Object.prototype));
}

/**
 * Returns a copy of an object without these members. It keeps the prototype, so that inherited options are still found.
 */
export function withoutMembers(options: object, names: readonly string[]): object {
  const others = Object.entries(Object.getOwnPropertyDescriptors(options)).filter(([name]) => !names.includes(name));
  return Object.create(Object.getPrototypeOf(options), Object.fromEntries(others));
}

/** Returns a copy of an object with one more member. It keeps the prototype, so that inherited options are still found. */
export function withMember(options: object, name: string, value: unknown): object {
  return Object.defineProperty(withoutMembers(options, []), name, { value, enumerable: true });
}

/** Returns a copy of an object's own members, enumerable or not, without anything inherited. */
export function ownMembers(options: object): Record<string, unknown> {
  const names = Object.getOwnPropertyNames(options);
  return Object.assign(
    Object.create(null),
    Object.fromEntries(names.map((name) => [name, Reflect.get(options, name)])),
  );
}

/** The most likely cause of a missing value. */
const unsetVariable = 'is an environment variable unset?';
const unset = `leave it out, or give a value; ${unsetVariable}`;
/** The error message for an empty string or an empty list. */
export const isEmpty = `must not be empty: ${unset}`;
/**
 * A schema for an option that may be left out, but must not be present with the value `undefined`. Use it for options
 * that narrow access or carry credentials: ignoring such an option would lift a check.
 */
export function narrowing<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.exactOptional(
    v.pipe(
      v.custom<v.InferInput<Schema>>((value) => value !== undefined, `is undefined: ${unset}`),
      schema,
    ),
  );
}

/** Returns why a value cannot be a credential, or `undefined` if it can. */
export function credentialProblem(value: unknown): string | undefined {
  if (value === undefined) return `is undefined: ${unsetVariable}`;
  if (value === '') return `must not be empty: ${unsetVariable}`;
  return value === 'undefined' ? `must not be the string "undefined": ${unsetVariable}` : undefined;
}

/** A schema for an option that may be left out. If present, it must be a credential that `problemOf` accepts. */
export function credential<Value>(problemOf: (value: unknown) => string | undefined) {
  const problem = (value: unknown) => credentialProblem(value) ?? problemOf(value);
  return v.exactOptional(
    v.custom<Value>(
      (value) => problem(value) === undefined,
      ({ input }) => String(problem(input)),
    ),
  );
}

/** A schema for a list of strings. Neither the list nor any string may be empty. */
export const textList = () =>
  v.pipe(
    v.array(v.string('must be a string'), 'must be a list of strings'),
    v.nonEmpty(isEmpty),
    v.check((texts) => !texts.includes(''), `must not have an empty entry: ${unsetVariable}`),
  );

/** A schema for a text in which `problemOf` finds nothing wrong. */
export function textWithout(problemOf: (value: string) => string | undefined) {
  return v.pipe(
    v.string('must be a string'),
    v.check(
      (value) => problemOf(value) === undefined,
      ({ input }) => String(problemOf(input)),
    ),
  );
}
