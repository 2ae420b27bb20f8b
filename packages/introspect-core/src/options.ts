import * as v from 'valibot';

/**
 * Checks an options object, once and at construction, and returns a copy of it.
 *
 * Messages name the option and what it must be, never the value: it may be a secret.
 *
 * @throws TypeError
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
  if (issue.expected === 'never') throw new TypeError(`${owner}: unknown option "${path}"${issue.message}`);
  throw new TypeError(
    path === null ? `${owner}: the options ${issue.message}` : `${owner}: "${path}" ${issue.message}`,
  );
}

/**
 * Returns a schema for an options object. It rejects unknown options and inherited options, and names them.
 *
 * Inherited options are rejected because a copy of the object, such as a spread, loses them silently.
 */
export function optionsObject<const Entries extends v.ObjectEntries>(entries: Entries) {
  type Options = v.InferInput<v.StrictObjectSchema<Entries, undefined>>;
  return v.pipe(
    v.custom<Options>((given) => typeof given === 'object' && given !== null, 'must be an object'),
    v.rawCheck(({ dataset: { value: input }, addIssue }) => {
      const key = inheritedName(Object(input), Object.keys(entries));
      if (key === undefined) return;
      addIssue({
        message: inherited,
        path: [{ type: 'object', origin: 'key', input: Object(input), key, value: null }],
      });
    }),
    v.transform((given): Options => ownMembers(Object(given)) as Options),
    v.strictObject(entries, (issue) => {
      if (issue.expected === 'never') return hints(String(issue.path?.at(-1)?.key), Object.keys(entries));
      return 'must be an object';
    }),
  );
}

/** The error message for an option that {@link inheritedName} finds. */
export const inherited = 'is inherited, for example from a class: set it on the options object itself';

/**
 * Returns the first name that an object inherits: one of `names`, such as a getter of its class, or any other
 * enumerable member that is not a function.
 */
export function inheritedName(options: object, names: readonly string[]): string | undefined {
  const found = names.filter((name) => name in options);
  for (const name in options) if (typeof Reflect.get(options, name) !== 'function') found.push(name);
  return found.find((name) => !Object.hasOwn(options, name) && !(name in Object.prototype));
}

/**
 * Returns a copy of an object without these members. It keeps the prototype, so that inherited options are still found.
 */
export function withoutMembers(options: object, names: readonly string[]): object {
  const others = Object.entries(Object.getOwnPropertyDescriptors(options)).filter(([name]) => !names.includes(name));
  return Object.create(Object.getPrototypeOf(options), Object.fromEntries(others));
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
      v.custom<v.InferInput<Schema>>((given) => given !== undefined, `is undefined: ${unset}`),
      schema,
    ),
  );
}

/** Returns why a value cannot be a credential, or `undefined` if it can. */
export function credentialProblem(given: unknown): string | undefined {
  if (given === undefined) return `is undefined: ${unsetVariable}`;
  if (given === '') return `must not be empty: ${unsetVariable}`;
  return given === 'undefined' ? `must not be the string "undefined": ${unsetVariable}` : undefined;
}

/** A schema for an option that may be left out. If present, it must be a credential that `problemOf` accepts. */
export function credential<Value>(problemOf: (given: unknown) => string | undefined) {
  const problem = (given: unknown) => credentialProblem(given) ?? problemOf(given);
  return v.exactOptional(
    v.custom<Value>(
      (given) => problem(given) === undefined,
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

/** Returns what is wrong with an option that does not exist. */
export function unknownOption(name: string, known: readonly string[]): string {
  return `unknown option "${name}"${hints(name, known)}`;
}

function hints(name: string, known: readonly string[]): string {
  return `${closest(name, known)}; known options: ${known.join(', ')}`;
}

/** Returns `; did you mean "…"?` with the known name that differs in at most two letters, or an empty text. */
export function closest(name: string, known: readonly string[]): string {
  const near = known
    .map((each) => ({ each, distance: distance(name.toLowerCase(), each.toLowerCase()) }))
    .filter(({ each, distance }) => distance <= Math.min(2, each.length / 3))
    .sort((a, b) => a.distance - b.distance)[0];
  return near === undefined ? '' : `; did you mean "${near.each}"?`;
}

/** How many letters must be added, removed or replaced to turn one text into the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
